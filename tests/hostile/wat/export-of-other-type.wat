;; Its functions take nothing and give nothing.
(component
  (core module $module (func (export "f")))
  (core instance $core (instantiate $module))
  (func $f (canon lift (core func $core "f")))
  (instance $channel (export "run" (func $f)) (export "send" (func $f)) (export "probe" (func $f)))
  (export "openclaw:plugin/channel@0.2.0" (instance $channel)))
