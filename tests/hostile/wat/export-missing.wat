;; Exports a channel that can do nothing.
(component
  (instance $channel)
  (export "openclaw:plugin/channel@0.2.0" (instance $channel)))
