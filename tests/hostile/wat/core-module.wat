;; A core module: what a component is made of, and none itself.
(module
  (memory (export "memory") 1)
  (func (export "run") unreachable))
