//! Syncing of files, which takes seconds on a slow disk.

use std::fmt;
use std::fs::File;
use std::io;
use std::sync::Arc;

/// Function that returns once the disk has taken everything written to a file. Tests put a slow disk in its place.
#[derive(Clone)]
pub struct Fsync(Arc<Sync>);

type Sync = dyn Fn(&File) -> io::Result<()> + Send + std::marker::Sync;

impl Fsync {
    /// Syncs files by this function.
    pub fn by(sync: impl Fn(&File) -> io::Result<()> + Send + std::marker::Sync + 'static) -> Self {
        Self(Arc::new(sync))
    }

    pub(crate) fn file(&self, file: &File) -> io::Result<()> {
        (self.0)(file)
    }
}

impl Default for Fsync {
    fn default() -> Self {
        Self::by(File::sync_all)
    }
}

impl fmt::Debug for Fsync {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fsync")
    }
}

#[cfg(test)]
pub(crate) mod gate {
    //! A disk that syncs nothing before a test lets it.

    use super::Fsync;
    use std::fs::File;
    use std::sync::{Arc, Condvar, Mutex};

    #[derive(Clone, Default)]
    pub(crate) struct Gate(Arc<(Mutex<State>, Condvar)>);

    #[derive(Default)]
    struct State {
        shut: bool,
        waiting: usize,
    }

    impl Gate {
        pub(crate) fn fsync(&self) -> Fsync {
            let Self(gate) = self.clone();
            Fsync::by(move |file: &File| {
                let (state, changed) = &*gate;
                let mut state = state.lock().unwrap();
                state.waiting += 1;
                changed.notify_all();
                let mut state = changed.wait_while(state, |state| state.shut).unwrap();
                state.waiting -= 1;
                file.sync_all()
            })
        }

        pub(crate) fn shut(&self) {
            self.0.0.lock().unwrap().shut = true;
        }

        pub(crate) fn open(&self) {
            self.0.0.lock().unwrap().shut = false;
            self.0.1.notify_all();
        }

        /// Blocks until a sync waits at the gate.
        pub(crate) fn until_one_waits(&self) {
            let (state, changed) = &*self.0;
            let state = state.lock().unwrap();
            drop(changed.wait_while(state, |state| state.waiting == 0).unwrap());
        }
    }
}
