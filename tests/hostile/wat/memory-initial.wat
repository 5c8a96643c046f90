;; Begins with all the memory that there can be.
(memory (export "memory") 65536)
