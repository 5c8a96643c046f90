;; Computes for ever before anybody has called it.
(func $start (loop (br 0)))
(start $start)
