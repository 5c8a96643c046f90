;; Wants the longest table that there can be: traps when it is refused, and would loop if it were not.
(table $table 1 funcref)
(func (export "openclaw:plugin/channel@0.2.0#run") (param i32 i32 i32 i32 i32 i32) (result i32) (if (i32.eq (table.grow $table (ref.null func) (i32.const 0xfffffff0)) (i32.const -1)) (then unreachable)) (loop (br 0)) unreachable)
