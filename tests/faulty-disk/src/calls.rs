//! The calls of the C library that this one stands in for. Each looks at the orders and then does what the real one does.

#![allow(unsafe_code, reason = "functions of the C library, with its signatures and its contracts")]

use std::ffi::{CStr, OsStr};
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use libc::{c_char, c_int, c_void, mode_t, off_t, size_t, ssize_t};

use crate::orders::{Kind, fault};

/// The function of this name that comes after this library's; its address is kept in `known`.
fn real(name: &CStr, known: &AtomicUsize) -> usize {
    let address = known.load(Ordering::Relaxed);
    if address != 0 {
        return address;
    }
    // SAFETY: `name` ends in a zero byte.
    let address = unsafe { libc::dlsym(libc::RTLD_NEXT, name.as_ptr()) } as usize;
    if address == 0 {
        std::process::abort();
    }
    known.store(address, Ordering::Relaxed);
    address
}

fn path_of(descriptor: c_int) -> Option<PathBuf> {
    std::fs::read_link(format!("/proc/self/fd/{descriptor}")).ok()
}

/// The path that a caller names below `folder`.
///
/// # Safety
/// `path` is a C string.
unsafe fn named(folder: c_int, path: *const c_char) -> Option<PathBuf> {
    // SAFETY: the caller's promise.
    let path = PathBuf::from(OsStr::from_bytes(unsafe { CStr::from_ptr(path) }.to_bytes()));
    if path.is_absolute() {
        return Some(path);
    }
    let folder = if folder == libc::AT_FDCWD { std::env::current_dir().ok()? } else { path_of(folder)? };
    Some(folder.join(path))
}

fn fail(error: c_int) {
    // SAFETY: the C library gives each thread a place of its own.
    unsafe { *libc::__errno_location() = error };
}

/// Defines a stand-in: who it stands for, when it fails, and what it answers then.
macro_rules! stand_in {
    ($name:ident($($argument:ident: $type:ty),*) -> $result:ty, $kind:expr, when $when:expr, $path:expr) => {
        #[unsafe(no_mangle)]
        unsafe extern "C" fn $name($($argument: $type),*) -> $result {
            static KNOWN: AtomicUsize = AtomicUsize::new(0);
            if $when && let Some(error) = fault($kind, || $path) {
                fail(error);
                return -1;
            }
            let address = real(
                // SAFETY: a literal with one zero byte, at its end.
                unsafe { CStr::from_bytes_with_nul_unchecked(concat!(stringify!($name), "\0").as_bytes()) },
                &KNOWN,
            );
            // SAFETY: the C library's function of this name has this signature.
            let real: unsafe extern "C" fn($($type),*) -> $result = unsafe { std::mem::transmute(address) };
            // SAFETY: the caller keeps the contract of the real one.
            unsafe { real($($argument),*) }
        }
    };
}

/// Whether a file that is opened so can be changed by it.
fn changes(flags: c_int) -> bool {
    flags & (libc::O_WRONLY | libc::O_RDWR | libc::O_CREAT | libc::O_TRUNC) != 0
}

// The mode is read only where the flags ask for it, and arrives where it would with a variable number of arguments.
stand_in!(open(path: *const c_char, flags: c_int, mode: mode_t) -> c_int, Kind::Open, when changes(flags),
    // SAFETY: the caller's path.
    unsafe { named(libc::AT_FDCWD, path) });
stand_in!(open64(path: *const c_char, flags: c_int, mode: mode_t) -> c_int, Kind::Open, when changes(flags),
    // SAFETY: the caller's path.
    unsafe { named(libc::AT_FDCWD, path) });
stand_in!(openat(folder: c_int, path: *const c_char, flags: c_int, mode: mode_t) -> c_int, Kind::Open,
    when changes(flags),
    // SAFETY: the caller's path.
    unsafe { named(folder, path) });
stand_in!(openat64(folder: c_int, path: *const c_char, flags: c_int, mode: mode_t) -> c_int, Kind::Open,
    when changes(flags),
    // SAFETY: the caller's path.
    unsafe { named(folder, path) });
stand_in!(mkdir(path: *const c_char, mode: mode_t) -> c_int, Kind::Open, when true,
    // SAFETY: the caller's path.
    unsafe { named(libc::AT_FDCWD, path) });
stand_in!(rename(from: *const c_char, to: *const c_char) -> c_int, Kind::Rename, when true,
    // SAFETY: the caller's path.
    unsafe { named(libc::AT_FDCWD, from) });
stand_in!(write(file: c_int, bytes: *const c_void, length: size_t) -> ssize_t, Kind::Write, when true, path_of(file));
stand_in!(writev(file: c_int, pieces: *const libc::iovec, count: c_int) -> ssize_t, Kind::Write, when true,
    path_of(file));
stand_in!(pwrite(file: c_int, bytes: *const c_void, length: size_t, place: off_t) -> ssize_t, Kind::Write, when true,
    path_of(file));
stand_in!(pwrite64(file: c_int, bytes: *const c_void, length: size_t, place: off_t) -> ssize_t, Kind::Write, when true,
    path_of(file));
stand_in!(fallocate(file: c_int, mode: c_int, place: off_t, length: off_t) -> c_int, Kind::Write, when true,
    path_of(file));
stand_in!(fsync(file: c_int) -> c_int, Kind::Sync, when true, path_of(file));
stand_in!(fdatasync(file: c_int) -> c_int, Kind::Sync, when true, path_of(file));
stand_in!(ftruncate(file: c_int, length: off_t) -> c_int, Kind::Truncate, when true, path_of(file));
stand_in!(ftruncate64(file: c_int, length: off_t) -> c_int, Kind::Truncate, when true, path_of(file));
