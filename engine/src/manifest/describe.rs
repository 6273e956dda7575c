//! The text of a manifest file, for people: every header, record and change, and what is wrong.

use crate::format::name;
use crate::manifest::edit;
use crate::manifest::record::{self, FileTag, HEADER_BYTES, NoRecord, Record, RecordKind};
use crate::manifest::recover::find_record_after;

/// What the bytes of a manifest file say, line by line. Damaged places are named and passed over,
/// as far as valid records are found behind them.
pub fn describe(bytes: &[u8]) -> Vec<String> {
    let tag = match record::decode_header(bytes) {
        Ok(tag) => tag,
        Err(e) => return vec![format!("no manifest: {e}")],
    };
    let mut lines = vec![format!("{} of database {}", name::manifest(tag.number), tag.uuid)];
    describe_records(tag, bytes, &mut lines);
    lines
}

fn describe_records(tag: FileTag, bytes: &[u8], lines: &mut Vec<String>) {
    let mut at = HEADER_BYTES;
    loop {
        let rest = bytes.get(at..).unwrap_or_default();
        if rest.iter().all(|&byte| byte == 0) {
            if !rest.is_empty() {
                lines.push(format!("{at}: {} zero bytes up to the end", rest.len()));
            }
            return;
        }
        match record_at(tag, at, bytes) {
            Ok(record) => {
                describe_record(at, &record, lines);
                at += record.bytes();
                continue;
            }
            Err(NoRecord::Broken(problem)) => lines.push(format!("{at}: {problem}")),
            Err(NoRecord::Refused(e)) => lines.push(format!("{at}: {e}")),
        }
        let later =
            find_record_after(tag, at, bytes).filter(|&later| record_at(tag, later, bytes).is_ok());
        match later {
            Some(later) => at = later,
            None => {
                lines.push(format!("{at}: {} bytes without a valid record", rest.len()));
                return;
            }
        }
    }
}

fn record_at(tag: FileTag, at: usize, bytes: &[u8]) -> Result<Record<'_>, NoRecord> {
    record::decode_record(tag, at as u64, bytes.get(at..).unwrap_or_default())
}

fn describe_record(at: usize, record: &Record<'_>, lines: &mut Vec<String>) {
    let what = match record.kind {
        RecordKind::Snapshot => "snapshot after edit",
        RecordKind::Edit => "edit",
    };
    lines.push(format!("{at}: {what} {}, {} bytes", record.no, record.bytes()));
    match edit::decode(record.payload) {
        Ok(changes) => lines.extend(changes.iter().map(|change| format!("  {change}"))),
        Err(e) => lines.push(format!("  {e}")),
    }
}
