//! Writes blob files: one value behind the other.

use cuesta_engine::FileId;
use cuesta_engine::error::{Error, Result};
use cuesta_engine::file::Output;

use super::{Pointer, header};

/// Writes values to as many files as it takes.
pub(in crate::lsm) struct BlobWriter {
    /// From this size on the next file is begun.
    file_bytes: u64,
    file: Option<FileId>,
    bytes: u64,
}

impl BlobWriter {
    /// Writes files of about `file_bytes`; creates none before there is a value.
    pub(in crate::lsm) fn new(file_bytes: u64) -> BlobWriter {
        BlobWriter { file_bytes, file: None, bytes: 0 }
    }

    /// Bytes of values so far.
    pub(in crate::lsm) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Writes a value whose checksum is `crc`; returns where it lies.
    ///
    /// # Errors
    /// What the output fails with.
    pub(in crate::lsm) fn add(
        &mut self,
        out: &mut dyn Output,
        value: &[u8],
        crc: u32,
    ) -> Result<Pointer> {
        let len = u32::try_from(value.len());
        let len = len.map_err(|_| Error::invalid(format!("value of {} bytes", value.len())))?;
        if let Some(file) = self.file
            && out.len(file)? >= self.file_bytes
        {
            self.file = None;
        }
        let file = match self.file {
            Some(file) => file,
            None => {
                let file = out.create_apart()?;
                out.append(file, &header(file))?;
                *self.file.insert(file)
            }
        };
        let offset = out.append(file, value)?;
        self.bytes += u64::from(len);
        Ok(Pointer { file, offset, len, crc })
    }
}
