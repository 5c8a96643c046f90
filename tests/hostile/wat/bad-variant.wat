;; Its result is the ninth of two cases.
(data (i32.const 64) "\09")
(func (export "openclaw:plugin/channel@0.2.0#run") (param i32 i32 i32 i32 i32 i32) (result i32) (i32.const 64))
