//! A disk that fails by order: preloaded (`LD_PRELOAD`) into a program, it stands in for the calls of the C library that change
//! files, and lets those fail that the file named by `FAULTY_DISK` asks for. It is no part of the program that people run.
//!
//! An order is a line `<calls> <error> <path> [after=N]`: the calls (`open,write,sync,truncate,rename`, or `all`), the error
//! (`ENOSPC`, `EIO`, `EROFS`), how the path of the file begins, and how many such calls go well before the first that fails. The
//! file is read again whenever it changed, and a missing one orders nothing. `open` means opening for writing, and making folders.

mod calls;
mod orders;
