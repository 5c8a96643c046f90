;; Returns well, and computes for ever when the host has read the result.
(func (export "openclaw:plugin/channel@0.2.0#run") (param i32 i32 i32 i32 i32 i32) (result i32) (i32.const 64))
(func (export "cabi_post_openclaw:plugin/channel@0.2.0#run") (param i32) (loop (br 0)))
