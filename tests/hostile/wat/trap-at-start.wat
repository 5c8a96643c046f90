;; Traps before anybody has called it.
(func $start unreachable)
(start $start)
