//! Compiled components on disk, so that a start does not compile. The only module with `unsafe`.
//!
//! An artifact is named by the sha256 of the component and the engine's compatibility hash, lies in a directory that only
//! this user can enter, has the sha256 of its contents in a file beside it, and is written under another name and
//! renamed. Whatever does not check out is compiled again; nothing else ever happens to a bad file.

#![allow(unsafe_code, reason = "loading machine code that this module wrote and has just checked")]

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use wasmtime::Engine;
use wasmtime::component::Component;

/// A directory of artifacts.
pub(crate) struct ArtifactCache {
    dir: PathBuf,
}

impl ArtifactCache {
    /// Nothing is touched before the first [`Self::load`].
    pub(crate) fn new(dir: PathBuf) -> Self {
        Self { dir }
    }

    /// Returns the compiled form of `wasm`, whose sha256 is `digest`: from disk if there is a good one, else by compiling
    /// (which takes from a tenth of a second upwards: call it where blocking is allowed).
    pub(crate) fn load(&self, engine: &Engine, digest: &str, wasm: &[u8]) -> wasmtime::Result<Component> {
        if let Some(component) = self.find(engine, digest) {
            return Ok(component);
        }
        let path = self.path(engine, digest);
        let component = Component::new(engine, wasm)?;
        if let Err(error) = self.write(&path, &component) {
            tracing::warn!(%error, path = %path.display(), "the compiled component could not be kept; the next start compiles again");
            return Ok(component);
        }
        // From the file it is mapped, and shared by all instances.
        let component = self.read(engine, &path).ok().flatten().unwrap_or(component);
        give_back_memory();
        Ok(component)
    }

    /// The directory.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// The compiled form of the component with this digest, if there is a good one on disk.
    pub(crate) fn find(&self, engine: &Engine, digest: &str) -> Option<Component> {
        let path = self.path(engine, digest);
        self.read(engine, &path).unwrap_or_else(|error| {
            tracing::warn!(%error, path = %path.display(), "a compiled component does not fit; compiling again");
            None
        })
    }

    /// Why the compiled form of this component is of no use to `engine`, in the engine's words; nothing where it is.
    pub(crate) fn misfit(&self, engine: &Engine, digest: &str) -> Option<String> {
        match self.read(engine, &self.path(engine, digest)) {
            Ok(Some(_)) => None,
            Ok(None) => Some("the compiler's work is not in the cache, or is damaged".to_owned()),
            Err(error) => Some(format!("{error:#}")),
        }
    }

    /// Compiles `wasm` with `compiler` and keeps it on disk, where `engine` looks for it. Fails when it cannot be kept: nobody
    /// else gets it.
    pub(crate) fn compile(
        &self,
        compiler: &Engine,
        engine: &Engine,
        digest: &str,
        wasm: &[u8],
    ) -> wasmtime::Result<()> {
        self.write(&self.path(engine, digest), &Component::new(compiler, wasm)?)
    }

    fn path(&self, engine: &Engine, digest: &str) -> PathBuf {
        // Tells artifacts of other engine versions and settings apart.
        let mut compatibility = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut compatibility);
        self.dir.join(format!("{digest}-{:016x}.cwasm", compatibility.finish()))
    }

    /// Nothing where there is no good file; the error is the engine's, which refuses what is in it.
    fn read(&self, engine: &Engine, path: &Path) -> wasmtime::Result<Option<Component>> {
        let owner_only = fs::metadata(&self.dir).is_ok_and(|dir| dir.permissions().mode() & 0o077 == 0);
        if !owner_only {
            return Ok(None);
        }
        let (Ok(artifact), Ok(sum)) = (fs::read(path), fs::read_to_string(sum_of(path))) else {
            return Ok(None);
        };
        if sum != format!("{:x}", Sha256::digest(&artifact)) {
            tracing::warn!(path = %path.display(), "a compiled component is damaged; compiling again");
            return Ok(None);
        }
        drop(artifact);
        // SAFETY: the directory belongs to this user alone, the name carries the engine's compatibility hash and the
        // component's digest, and the contents are what `write` stored: their checksum matches. The file is mapped, so
        // that pages which no instance touches cost no memory.
        unsafe { Component::deserialize_file(engine, path) }.map(Some)
    }

    fn write(&self, path: &Path, component: &Component) -> wasmtime::Result<()> {
        let artifact = component.serialize()?;
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.dir)?;
        fs::set_permissions(&self.dir, fs::Permissions::from_mode(0o700))?;
        replace(path, &artifact)?;
        replace(&sum_of(path), format!("{:x}", Sha256::digest(&artifact)).as_bytes())?;
        Ok(())
    }
}

/// Gives back what is free: compiling needs tens of megabytes, and so may a component that is flooded or floods, which the
/// allocator would keep for the life of the process. Takes milliseconds where there is much.
pub(crate) fn give_back_memory() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: the function takes no pointer and may be called at any time, from any thread.
    unsafe {
        libc::malloc_trim(0);
    }
}

/// Where the checksum of the artifact at `path` stands.
fn sum_of(path: &Path) -> PathBuf {
    path.with_extension("sha256")
}

/// Puts `contents` at `path` so that a reader sees the old file or the new one, never a part.
fn replace(path: &Path, contents: &[u8]) -> std::io::Result<()> {
    let mut draft = path.as_os_str().to_owned();
    draft.push(format!(".{}.tmp", std::process::id()));
    let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
    file.write_all(contents)?;
    drop(file);
    fs::rename(&draft, path)
}
