//! Checks everything a tree says: checksums, order, counts, and that every page has one use.

use cuesta_engine::error::{Error, ErrorKind, Result};

use super::detail::Facts;
use super::node::{self, Pointer};
use super::space::Runs;
use super::tree::Tree;
use crate::ordered::kind::Kind;
use crate::ordered::span::is_before;

/// What a walk over a tree counts.
struct Count<'t> {
    tree: &'t Tree,
    pages: Runs,
    entries: u64,
    facts: Facts,
}

/// Checks a tree of `entries` entries; each problem is reported.
///
/// # Errors
/// Only what prevents checking, such as `Io`.
pub(in crate::btree) fn verify(
    tree: &Tree,
    entries: u64,
    report: &mut dyn FnMut(String),
) -> Result<()> {
    let (pages, facts) = (Runs::default(), Facts::default());
    let mut count = Count { tree, pages, entries: 0, facts };
    let detail = tree.detail();
    let mut problems = 0;
    let mut told = |problem: String| {
        problems += 1;
        report(problem);
    };
    if detail.root != 0 {
        count.node(detail.root, detail.height - 1, (None, None), &mut told)?;
    }
    let space = match damage(tree.space(), &mut told)? {
        Some(space) if problems == 0 => space,
        // What is free is not known, or not what is used.
        _ => return Ok(()),
    };
    let (page, len, pages) = detail.space;
    if pages > 0 && !tree.ends_in_zeros(page, len, pages)? {
        report(format!("{pages} pages from {page} on do not end in zeros"));
    }
    let Count { mut pages, entries: found, facts, .. } = count;
    if found != entries {
        report(format!("{found} entries, not {entries}"));
    }
    let known = tree.facts();
    if (facts.expiring, facts.merges) != (known.expiring, known.merges) {
        report(format!("{facts:?}, not {known:?}"));
    }
    let own = (detail.space.0, detail.space.2);
    let rest = space.runs().chain((own.1 > 0).then_some(own));
    for (page, len) in rest {
        if !pages.add(page, len) {
            report(format!("{len} pages from {page} on have two uses"));
        }
    }
    let all = u64::from(detail.pages.saturating_sub(1));
    if pages.pages() != all {
        report(format!("{} pages of {all} have a use", pages.pages()));
    }
    Ok(())
}

/// Reports damage, and passes on what prevents checking.
fn damage<T>(found: Result<T>, report: &mut dyn FnMut(String)) -> Result<Option<T>> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(error) if matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::Unsupported) => {
            report(error.to_string());
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

impl Count<'_> {
    /// A node, and all below it, with keys from `low` on and before `high`.
    fn node(
        &mut self,
        page: u32,
        level: u8,
        (low, high): (Option<&[u8]>, Option<&[u8]>),
        report: &mut dyn FnMut(String),
    ) -> Result<()> {
        let tree = self.tree;
        let at = |what: &str| format!("{tree:?}, page {page}: {what}");
        let Some((body, frame)) = damage(tree.node_unchecked(page), report)? else {
            return Ok(());
        };
        let bytes = body.bytes();
        let sound = node::check(bytes, super::tree::seed(self.tree.file(), page))
            .and_then(|()| node::verify(bytes));
        if let Err(error) = sound {
            report(at(error.message()));
            return Ok(());
        }
        if frame.level != level {
            report(at(&format!("it is of level {}, not {level}", frame.level)));
            return Ok(());
        }
        if !self.pages.add(page, frame.pages) {
            report(at("it has two uses"));
            return Ok(());
        }
        for i in 0..frame.count {
            if level > 0 {
                let Some(child) = damage(frame.child(bytes, i), report)? else { continue };
                let separator = |i: usize| match i {
                    0 => Ok(None),
                    i if i == frame.count => Ok(None),
                    i => frame.separator(bytes, i).map(Some),
                };
                let borders = separator(i).and_then(|first| Ok((first, separator(i + 1)?)));
                let Some((first, next)) = damage(borders, report)? else { continue };
                let bounds = (first.as_deref().or(low), next.as_deref().or(high));
                self.node(child, level - 1, bounds, report)?;
                continue;
            }
            let Some(entry) = damage(frame.entry(bytes, i), report)? else { continue };
            let key = bytes.get(entry.key.clone()).unwrap_or_default();
            if low.is_some_and(|low| key < low) || !is_before(key, high) {
                report(at(&format!("key {} is out of place", key.escape_ascii())));
            }
            self.entries += 1;
            let stored = bytes.get(entry.stored.clone()).unwrap_or_default();
            if !entry.apart {
                self.fact(entry.kind, stored, report)?;
                continue;
            }
            let Some(pointer) = damage(Pointer::decode(stored), report)? else { continue };
            let value = damage(self.tree.apart_unchecked(&pointer), report)?;
            if let Some(value) = value {
                self.fact(entry.kind, value.bytes(), report)?;
            }
            let pages = pointer.pages(self.tree.detail().page_bytes as usize);
            let zeros = damage(tree.ends_in_zeros(pointer.page, pointer.len, pages), report)?;
            if zeros == Some(false) {
                report(format!("{pages} pages from {} on do not end in zeros", pointer.page));
            }
            if !self.pages.add(pointer.page, pages) {
                report(format!("{pages} pages from {} on have two uses", pointer.page));
            }
        }
        Ok(())
    }

    fn fact(&mut self, kind: Kind, stored: &[u8], report: &mut dyn FnMut(String)) -> Result<()> {
        let known = match kind {
            Kind::Put | Kind::Expiring | Kind::Merge => self.facts.add(kind, stored),
            Kind::Delete | Kind::Blob => {
                Err(Error::corrupt(format!("an entry of kind {kind:?} in a tree")))
            }
        };
        damage(known, report)?;
        Ok(())
    }
}
