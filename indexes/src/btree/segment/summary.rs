//! The text of a tree, for people: what the manifest says of it.
//!
//! Not for checking it: that is `verify.rs`.

use super::tree::Tree;

impl Tree {
    /// What is said of the tree, line by line. Reads nothing.
    pub fn summary(&self) -> Vec<String> {
        let (detail, facts) = (self.detail(), self.facts());
        let mut lines = vec![
            format!(
                "{} pages of {} bytes, {} of them not in the tree",
                detail.pages, detail.page_bytes, detail.unused
            ),
            match detail.height {
                0 => "nothing".to_owned(),
                1 => format!("1 level of nodes, the top in page {}", detail.root),
                height => format!("{height} levels of nodes, the top in page {}", detail.root),
            },
            format!("{} trees were in this file before", detail.generation),
        ];
        if facts.expiring > 0 {
            lines.push(format!("{} entries expire", facts.expiring));
        }
        if facts.merges > 0 {
            lines.push(format!("{} entries wait to be merged", facts.merges));
        }
        lines
    }
}
