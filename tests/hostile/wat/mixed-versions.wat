;; Half of it is of this version, and half of the one before.
(component
  (import "openclaw:plugin/events@0.1.0" (instance))
  (import "openclaw:plugin/kv@0.2.0" (instance)))
