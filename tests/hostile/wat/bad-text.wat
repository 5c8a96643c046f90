;; Its failure has a code of two bytes that are no text.
(data (i32.const 64) "\01\00\00\00\00\00\00\00\00\00\00\00\c8\00\00\00\02\00\00\00\c8\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00")
(data (i32.const 200) "\ff\fe")
(func (export "openclaw:plugin/channel@0.2.0#run") (param i32 i32 i32 i32 i32 i32) (result i32) (i32.const 64))
