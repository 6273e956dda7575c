//! What the tree says of one key, and walks over it.
//!
//! Not for: memtables, and what comes of what is found (see [`ordered`](crate::ordered)).

use std::convert::Infallible;
use std::ops::Bound;
use std::sync::Arc;

use cuesta_engine::error::{Error, Result};
use cuesta_engine::index::Services;

use super::Btree;
use super::layout::Trees;
use super::segment::cursor::TreeCursor;
use super::segment::detail::Detail;
use super::segment::tree::Hit;
use crate::ordered::kind::Kind;
use crate::ordered::operand::Rules;
use crate::ordered::value::Value;
use crate::ordered::{Found, Ordered, Walk};

impl Ordered for Btree {
    type Walk = TreeCursor;
    type Found<'s> = Hit<'s>;

    fn rules(&self) -> &Arc<Rules> {
        &self.rules
    }

    fn services(&self) -> &Services {
        &self.services
    }

    #[inline]
    fn find<'s>(&self, layout: &'s Trees, key: &[u8]) -> Result<Option<Hit<'s>>> {
        match layout.of(key) {
            Some(tree) => tree.find(key),
            None => Ok(None),
        }
    }

    fn find_all<'s>(&self, layout: &'s Trees, key: &[u8], found: &mut Vec<Hit<'s>>) -> Result<()> {
        found.extend(self.find(layout, key)?);
        Ok(())
    }

    fn walks(
        layout: &Trees,
        lower: Bound<&[u8]>,
        upper: Bound<&[u8]>,
        walks: &mut dyn FnMut(TreeCursor, Option<Infallible>),
    ) -> usize {
        layout.within(lower, upper).for_each(|tree| walks(TreeCursor::new(tree.clone()), None));
        1
    }

    fn keys(detail: &[u8]) -> Result<(&[u8], &[u8])> {
        Detail::keys(detail)
    }

    fn walk_bytes(&self) -> usize {
        self.options.page_bytes as usize
    }
}

impl Found for Hit<'_> {
    #[inline]
    fn kind(&self) -> Kind {
        Hit::kind(self)
    }

    #[inline]
    fn bytes(&self) -> &[u8] {
        Hit::bytes(self)
    }

    #[inline]
    fn take_expiry(&mut self) -> Result<u64> {
        Hit::take_expiry(self)
    }

    #[inline]
    fn into_value(self) -> Value {
        Hit::into_value(self)
    }

    #[cold]
    fn large(&self) -> Result<Value> {
        Err(Error::corrupt("an entry of a tree points elsewhere"))
    }
}

impl Walk for TreeCursor {
    type Deletes = Infallible;

    fn memory(&self) -> usize {
        TreeCursor::memory(self)
    }

    #[inline]
    fn valid(&self) -> bool {
        TreeCursor::valid(self)
    }

    #[inline]
    fn key(&self) -> &[u8] {
        TreeCursor::key(self)
    }

    #[inline]
    fn kind(&self) -> Kind {
        TreeCursor::kind(self)
    }

    #[inline]
    fn value(&self) -> &[u8] {
        TreeCursor::value(self)
    }

    fn value_owned(&self) -> Value {
        TreeCursor::value_owned(self)
    }

    #[cold]
    fn large(&self) -> Result<Value> {
        Err(Error::corrupt("an entry of a tree points elsewhere"))
    }

    fn first(&mut self) -> Result<()> {
        TreeCursor::first(self)
    }

    fn last(&mut self) -> Result<()> {
        TreeCursor::last(self)
    }

    fn seek(&mut self, key: &[u8]) -> Result<()> {
        TreeCursor::seek(self, key)
    }

    fn seek_before(&mut self, key: &[u8]) -> Result<()> {
        TreeCursor::seek_before(self, key)
    }

    #[inline]
    fn next(&mut self) -> Result<()> {
        TreeCursor::next(self)
    }

    fn prev(&mut self) -> Result<()> {
        TreeCursor::prev(self)
    }

    fn leave(&mut self) {
        TreeCursor::leave(self);
    }
}
