;; A million fields of 64 KiB in a log line: they are all the same 64 KiB, so that the component has them for nothing.
(import "openclaw:plugin/log@0.2.0" "write" (func $write (param i32 i32 i32 i32 i32)))
(memory (export "memory") 300)
(func (export "openclaw:plugin/channel@0.2.0#run") (param i32 i32 i32 i32 i32 i32) (result i32) (local $at i32) (local.set $at (i32.const 65536)) (loop $next (i32.store offset=4 (local.get $at) (i32.const 65536)) (i32.store offset=12 (local.get $at) (i32.const 65536)) (local.set $at (i32.add (local.get $at) (i32.const 16))) (br_if $next (i32.lt_u (local.get $at) (i32.const 16065536)))) (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 65536) (i32.const 1000000)) (loop (br 0)) unreachable)
