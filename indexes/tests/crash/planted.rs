//! The harness is tested: every bug that can be planted is found, by the same workloads in the same
//! order as when nothing is planted.

use cuesta_engine::planted::{self, Bug};

use crate::harness::cast::Cast;
use crate::harness::examine::{Depth, Examiner};
use crate::harness::search::examine;
use crate::harness::workload::{Source, Workload};
use crate::lsm::{
    cast, cast_of_keys, cast_of_large_values, cast_of_operands, cast_of_passing_values,
};
use crate::readers::read_along;
use crate::trees::cast_of_trees;
use crate::{large, lively, loads};

/// Random workloads within which every bug must be found.
const WORKLOADS_MAX: u64 = 60;

/// Plants a bug for as long as this lives.
struct Planted;

impl Planted {
    fn new(bug: Bug) -> Planted {
        planted::plant(Some(bug));
        Planted
    }
}

impl Drop for Planted {
    fn drop(&mut self) {
        planted::plant(None);
    }
}

/// Searches with a bug planted.
fn find(bug: Bug) {
    // What goes wrong with some kind of values is looked for where there are many of them.
    let random = |seed| Workload::of(Source::Random(seed));
    let (cast, workload): (_, fn(u64) -> Workload) = match bug {
        Bug::BlobReleasedTooEarly | Bug::AdoptedLogReused => {
            (cast_of_large_values(), large::workload)
        }
        Bug::ExpiredResurfaces => (cast_of_passing_values(), lively::expiries),
        Bug::RangeDeleteLostAtBorder => (cast_of_keys(), lively::ranges),
        Bug::OperandLost => (cast_of_operands(), lively::operands),
        Bug::IngestedUnsynced => (cast(), loads::workload),
        Bug::PageReusedTooEarly | Bug::RootBeforePages => (cast_of_trees(), random),
        Bug::OverflowPageLost => (cast_of_trees(), large::workload),
        Bug::ReadersForgotten | Bug::ReaderRunsAhead => (cast_of_trees(), random),
        Bug::FlushedKeptByReader => (cast_of_operands(), lively::operands),
        _ => (cast(), random),
    };
    let is_of_readers =
        matches!(bug, Bug::ReadersForgotten | Bug::ReaderRunsAhead | Bug::FlushedKeptByReader);
    let cast: &'static Cast = Box::leak(Box::new(cast));
    let mut examiner = Examiner::new(cast, Depth::SAMPLED);
    let planted = Planted::new(bug);
    for seed in 0..WORKLOADS_MAX {
        let found = match is_of_readers {
            true => read_along(cast, &workload(seed)).err(),
            false => examine(cast, &mut examiner, &workload(seed)).err(),
        };
        if let Some(what) = found {
            drop(planted);
            let counts = &examiner.counts;
            let first = what.lines().next().unwrap_or_default();
            println!(
                "{bug:?}: found by workload {}, after {} images: {first}",
                counts.workloads, counts.made
            );
            return;
        }
    }
    panic!("{bug:?} was not found by {WORKLOADS_MAX} workloads:\n{}", examiner.counts);
}

macro_rules! found {
    ($($name:ident: $bug:ident,)*) => {
        $(#[test]
        fn $name() {
            find(Bug::$bug);
        })*

        #[test]
        fn every_bug_is_searched_for() {
            // What no crash can show is found by tests of watches, transactions and documents.
            let others = [
                Bug::WakeUpLost,
                Bug::GapLeftOpen,
                Bug::BlindRangeValidation,
                Bug::LostIndexDelete,
                Bug::DroppedBuildTombstone,
                Bug::UniqueCheckedAgainstOldView,
            ];
            assert_eq!(Bug::ALL.as_slice(), [[$(Bug::$bug,)*].as_slice(), &others].concat());
        }
    };
}

found! {
    a_missing_checksum_is_found: MissingChecksum,
    an_early_acknowledgement_is_found: EarlyAcknowledgement,
    a_flush_before_publishing_is_found: FlushBeforePublish,
    a_flush_before_syncing_is_found: FlushBeforeSync,
    a_skipped_sync_of_the_directory_is_found: SkippedDirectorySync,
    an_early_unlink_is_found: EarlyUnlink,
    a_watermark_that_is_off_by_one_is_found: WatermarkOffByOne,
    a_tombstone_dropped_too_high_is_found: TombstoneDroppedTooHigh,
    a_stale_record_after_a_cut_is_found: StaleRecordAfterCut,
    a_missing_catch_up_is_found: MissingCatchUp,
    a_blob_file_released_too_early_is_found: BlobReleasedTooEarly,
    an_adopted_segment_of_the_log_that_is_reused_is_found: AdoptedLogReused,
    an_expired_value_that_resurfaces_is_found: ExpiredResurfaces,
    a_range_delete_lost_at_a_border_is_found: RangeDeleteLostAtBorder,
    a_range_delete_dropped_too_high_is_found: RangeDeleteDroppedTooHigh,
    a_lost_operand_is_found: OperandLost,
    a_change_dropped_at_the_end_of_a_segment_is_found: ChangeDroppedAtSegmentEnd,
    an_ingested_file_that_is_not_synced_is_found: IngestedUnsynced,
    a_page_reused_too_early_is_found: PageReusedTooEarly,
    a_root_published_before_its_pages_is_found: RootBeforePages,
    a_lost_overflow_page_is_found: OverflowPageLost,
    forgotten_readers_are_found: ReadersForgotten,
    a_reader_that_runs_ahead_is_found: ReaderRunsAhead,
    what_a_reader_keeps_of_what_was_flushed_is_found: FlushedKeptByReader,
}
