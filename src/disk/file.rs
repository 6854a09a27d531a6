//! Files as they are once they are open: what was judged is what is read.

use super::{DiskError, Progress};
use rustix::fs::{Mode, OFlags};
use std::fs::{self, File};
use std::io::Read as _;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

/// A pipe without another end does not hold up the opening.
const FLAGS: OFlags = OFlags::RDONLY.union(OFlags::NONBLOCK).union(OFlags::CLOEXEC);
/// One operation reads no more at once, so that a large file on a slow disk is no disk that hangs.
const MOST_AT_ONCE: usize = 1 << 20;

/// Folders of the kernel's own files, whatever file system is mounted there.
const KERNELS_FOLDERS: [&str; 3] = ["/proc", "/sys", "/dev"];

/// The file systems that the kernel speaks through, by the numbers of `statfs(2)`.
const KERNELS_KINDS: [u64; 23] = [
    0x9fa0,      // proc
    0x9fa1,      // openprom
    0x9fa2,      // usbdevice
    0x6265_6572, // sysfs
    0x1cd1,      // devpts
    0x6462_6720, // debugfs
    0x7472_6163, // tracefs
    0x7363_6673, // securityfs
    0xf97c_ff8c, // selinux
    0x4341_5d53, // smack
    0x0027_e0eb, // cgroup
    0x6367_7270, // cgroup2
    0x0765_5821, // resctrl
    0xcafe_4a11, // bpf
    0x6165_676c, // pstore
    0xde5e_81e4, // efivars
    0x6265_6570, // configfs
    0x6573_5543, // fusectl
    0x4249_4e4d, // binfmt_misc
    0x6e73_6673, // nsfs
    0x1980_0202, // mqueue
    0xabba_1974, // xenfs
    0x6e66_7364, // nfsd
];

/// True if this absolute path is in a folder of the kernel.
pub(crate) fn is_kernel_path(path: &Path) -> bool {
    KERNELS_FOLDERS.iter().any(|folder| path.starts_with(folder))
}

/// File systems, each asked for its kind once.
#[derive(Debug, Default)]
pub(crate) struct FileSystems {
    /// The devices that are none of the kernel's.
    plain: Vec<u64>,
}

impl FileSystems {
    /// True if the file system of an open file, which is that of `device`, is one of the kernel's.
    fn is_kernel_path(&mut self, file: impl AsFd, device: u64) -> rustix::io::Result<bool> {
        self.judge(device, || rustix::fs::fstatfs(file))
    }

    /// True if the file system of a path, which is that of `device`, is one of the kernel's.
    pub(crate) fn is_kernel_folder(&mut self, path: &Path, device: u64) -> rustix::io::Result<bool> {
        self.judge(device, || rustix::fs::statfs(path))
    }

    fn judge(
        &mut self,
        device: u64,
        kind: impl FnOnce() -> rustix::io::Result<rustix::fs::StatFs>,
    ) -> rustix::io::Result<bool> {
        if self.plain.contains(&device) {
            return Ok(false);
        }
        let kind = kind()?.f_type;
        // The numbers have 32 bits, whatever sign the type that holds them has.
        let is_kernel_path = KERNELS_KINDS.contains(&(kind as u64 & u64::from(u32::MAX)));
        if !is_kernel_path {
            self.plain.push(device);
        }
        Ok(is_kernel_path)
    }
}

/// A regular file of a disk.
#[derive(Debug)]
pub(crate) struct Opened {
    file: File,
    length: u64,
}

/// Opens the regular file of that path, wherever links lead.
pub(crate) fn open_path(path: &Path) -> Result<Opened, DiskError> {
    // Asked first, because to open a device can do something.
    if !fs::metadata(path)?.is_file() {
        return Err(DiskError::NotAFile);
    }
    let file = rustix::fs::open(path, FLAGS, Mode::empty())?;
    judged(file.into(), &mut FileSystems::default())
}

/// Opens the regular file of that name in an open directory, unless it is a link.
pub(crate) fn open_at(
    folder: BorrowedFd<'_>,
    name: &Path,
    file_systems: &mut FileSystems,
) -> Result<Opened, DiskError> {
    let file = rustix::fs::openat(folder, name, FLAGS | OFlags::NOFOLLOW, Mode::empty())?;
    judged(file.into(), file_systems)
}

fn judged(file: File, file_systems: &mut FileSystems) -> Result<Opened, DiskError> {
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(DiskError::NotAFile);
    }
    if file_systems.is_kernel_path(&file, metadata.dev())? {
        return Err(DiskError::Kernel);
    }
    let length = metadata.len();
    Ok(Opened { file, length })
}

/// Reads an open file, which is called `path`, to its end: at most `most` bytes.
pub(crate) fn read_opened(
    opened: Opened,
    path: &Path,
    most: u64,
    progress: &Progress,
) -> Result<Vec<u8>, DiskError> {
    let Opened { mut file, length } = opened;
    if length > most {
        return Err(DiskError::TooLarge(most));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or_default().saturating_add(1));
    loop {
        let read = file.by_ref().take(MOST_AT_ONCE as u64).read_to_end(&mut bytes)?;
        // It may have grown since.
        if bytes.len() as u64 > most {
            return Err(DiskError::TooLarge(most));
        }
        if read < MOST_AT_ONCE {
            return Ok(bytes);
        }
        progress.begin(path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::read;
    use std::process::Command;

    #[test]
    fn only_regular_files_of_disks_are_read() {
        let dir = tempfile::tempdir().unwrap();
        let (file, pipe) = (dir.path().join("file"), dir.path().join("pipe"));
        fs::write(&file, "four").unwrap();
        assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        assert_eq!(read(&file, 4).unwrap(), b"four");
        let read_3 = read(&file, 3);
        assert!(matches!(read_3, Err(DiskError::TooLarge(3))), "{read_3:?}");
        for path in [dir.path(), &pipe, Path::new("/dev/zero")] {
            assert!(matches!(read(path, 4), Err(DiskError::NotAFile)), "{path:?}");
        }
        // Whatever they are called and wherever they are mounted.
        for path in [
            "/proc/self/environ",
            "/proc/version",
            "/sys/kernel/mm/transparent_hugepage/enabled",
        ] {
            if Path::new(path).exists() {
                assert!(
                    matches!(read(Path::new(path), 1 << 20), Err(DiskError::Kernel)),
                    "{path}"
                );
            }
        }
        let device = fs::metadata("/proc").unwrap().dev();
        let mut file_systems = FileSystems::default();
        assert!(file_systems.is_kernel_folder(Path::new("/proc"), device).unwrap());
        let device = fs::metadata(dir.path()).unwrap().dev();
        assert!(!file_systems.is_kernel_folder(dir.path(), device).unwrap());
    }

    #[test]
    fn a_file_is_read_to_its_end_however_large() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        for size in [
            0,
            1,
            MOST_AT_ONCE - 1,
            MOST_AT_ONCE,
            MOST_AT_ONCE + 1,
            3 * MOST_AT_ONCE,
        ] {
            let bytes: Vec<u8> = (0..size).map(|at| (at % 251) as u8).collect();
            fs::write(&path, &bytes).unwrap();
            assert!(read(&path, size as u64).unwrap() == bytes, "{size}");
        }
    }
}
