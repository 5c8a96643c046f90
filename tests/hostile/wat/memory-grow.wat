;; Wants all the memory that there can be: traps when it is refused, and would loop if it were not.
(memory (export "memory") 1)
(func (export "openclaw:plugin/channel@0.2.0#run") (param i32 i32 i32 i32 i32 i32) (result i32) (if (i32.eq (memory.grow (i32.const 65535)) (i32.const -1)) (then unreachable)) (loop (br 0)) unreachable)
