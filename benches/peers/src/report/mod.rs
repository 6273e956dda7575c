//! The page: tables and plots of what a race left.

mod page;
mod plot;
mod rows;
mod targets;

use std::path::Path;

use crate::results::Results;
use crate::store::Outcome;

/// Writes the page, and its plots into a folder beside it that has its name.
pub fn write(results: &Results, page: &Path) -> Outcome<()> {
    let folder = page.with_extension("");
    std::fs::create_dir_all(&folder)?;
    for plot in rows::PLOTS {
        std::fs::write(folder.join(format!("{}.svg", plot.name)), plot::draw(results, plot))?;
    }
    let name = folder.file_name().map_or_else(String::new, |it| it.to_string_lossy().into_owned());
    std::fs::write(page, page::text(results, &name))?;
    Ok(())
}
