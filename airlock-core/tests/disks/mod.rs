//! Disks that are small, full, or read-only.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A small file system of its own, for those who may mount one.
pub struct Mounted(PathBuf, #[allow(dead_code, reason = "removed when it is dropped")] tempfile::TempDir);

impl Mounted {
    /// Of that size.
    pub fn new(size: &str) -> Option<Self> {
        let place = tempfile::tempdir().expect("a place for it");
        let path = place.path().join("disk");
        fs::create_dir(&path).expect("it can be made");
        let options = format!("size={size},mode=0700");
        let mounted = run("mount", &["-t", "tmpfs", "-o", &options, "tmpfs", path.to_str()?]);
        if !mounted {
            println!("not run: only root may mount a small disk");
        }
        mounted.then(|| Mounted(path, place))
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Takes all the room that is left, until what it answers is removed.
    pub fn fill(&self) -> PathBuf {
        let ballast = self.0.join("ballast");
        // Some of it is written before it is full.
        let _ = fs::write(&ballast, vec![0; 64 << 20]);
        ballast
    }

    /// Makes it one that can only be read. What is open stays so.
    pub fn freeze(&self) {
        let path = self.0.to_str().expect("a plain path");
        assert!(run("mount", &["--bind", path, path]) && run("mount", &["-o", "remount,bind,ro", path]));
    }

    pub fn thaw(&self) {
        assert!(run("umount", &["-l", self.0.to_str().expect("a plain path")]));
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        run("umount", &["-l", self.0.to_str().unwrap_or_default()]);
    }
}

fn run(program: &str, arguments: &[&str]) -> bool {
    Command::new(program).args(arguments).output().is_ok_and(|output| output.status.success())
}
