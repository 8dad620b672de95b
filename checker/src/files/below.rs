//! A folder of a tree of files as a tree of its own.

use super::Files;
use std::sync::Arc;

/// The files below a folder.
pub struct Below {
    files: Arc<dyn Files>,
    lead: String,
}

impl Below {
    /// The files below `folder`; all of them for the empty name.
    pub fn of(files: &Arc<dyn Files>, folder: &str) -> Arc<dyn Files> {
        if folder.is_empty() {
            return Arc::clone(files);
        }
        Arc::new(Self { files: Arc::clone(files), lead: folder.to_owned() })
    }

    fn path(&self, path: &str) -> String {
        if path.is_empty() { self.lead.clone() } else { format!("{}/{path}", self.lead) }
    }
}

impl Files for Below {
    fn read(&self, path: &str) -> Option<Vec<u8>> {
        self.files.read(&self.path(path))
    }

    fn list(&self, folder: &str) -> Vec<String> {
        self.files.list(&self.path(folder))
    }

    fn show(&self, path: &str) -> String {
        self.files.show(&self.path(path))
    }
}
