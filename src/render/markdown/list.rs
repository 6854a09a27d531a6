//! Rows between an opening and a closing.

/// Rows that are opened with the first of them, and closed if there were any.
pub(super) struct List {
    open: &'static str,
    close: &'static str,
    is_open: bool,
}

impl List {
    pub(super) fn new(open: &'static str, close: &'static str) -> Self {
        Self {
            open,
            close,
            is_open: false,
        }
    }

    /// Writes a row, if it ends with the list's closing before this place.
    pub(super) fn push(&mut self, out: &mut String, row: &[&str], end: usize) -> bool {
        let open = if self.is_open { "" } else { self.open };
        let size = open.len() + row.iter().map(|part| part.len()).sum::<usize>() + self.close.len();
        if out.len() + size > end {
            return false;
        }
        out.push_str(open);
        row.iter().for_each(|part| out.push_str(part));
        self.is_open = true;
        true
    }

    pub(super) fn close(&self, out: &mut String) {
        if self.is_open {
            out.push_str(self.close);
        }
    }
}
