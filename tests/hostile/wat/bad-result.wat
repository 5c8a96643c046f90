;; Its result lies where it has no memory.
(func (export "openclaw:plugin/channel@0.2.0#run") (param i32 i32 i32 i32 i32 i32) (result i32) (i32.const 0x7ffffff0))
