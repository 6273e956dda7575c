//! The rules of this repository that neither the compiler nor Clippy checks.
//!
//! Each test reads the whole repository and names every place that breaks its rule, with the file,
//! the line and what to do instead. Each rule's file holds the rule and a test of the rule itself,
//! on planted text. docs/style.md gives the reasons.

mod mask;
mod source;
mod repository;
mod crates;
mod modules;
mod names;
mod environment;
mod unsafety;
mod panics;
mod size;
mod shape;
mod text;

use std::sync::OnceLock;

use repository::{Complaints, Repository};

fn repository() -> &'static Repository {
    static REPOSITORY: OnceLock<Repository> = OnceLock::new();
    REPOSITORY.get_or_init(Repository::load)
}

fn none(complaints: Complaints) {
    let lines: Vec<String> = complaints.found.iter().map(ToString::to_string).collect();
    assert!(lines.is_empty(), "{} to mend:\n{}", lines.len(), lines.join("\n"));
}

#[test]
fn the_repository_is_read() {
    let paths = ["Cargo.toml", "engine/src/lib.rs", "frontends/tests/tidy/main.rs", "test"];
    for path in paths {
        assert!(repository().get(path).is_some(), "{path} was not read");
    }
}

#[test]
fn arrows_between_crates_point_down() {
    none(crates::check(repository()));
}

#[test]
fn modules_use_only_earlier_ones() {
    none(modules::check(repository()));
}

#[test]
fn no_layer_names_a_higher_one() {
    none(names::check_layers(repository()));
}

#[test]
fn every_word_means_something_to_a_reader() {
    none(names::check_words(repository()));
}

#[test]
fn nothing_goes_around_the_environment() {
    none(environment::check(repository()));
}

#[test]
fn unsafe_code_is_listed_and_has_reasons() {
    none(unsafety::check(repository()));
}

#[test]
fn shipped_code_does_not_panic() {
    none(panics::check(repository()));
}

#[test]
fn files_and_functions_are_short() {
    none(size::check(repository(), &size::EXCEPTIONS));
}

#[test]
fn inline_tests_are_short() {
    none(size::check_test_modules(repository()));
}

#[test]
fn index_types_have_the_same_shape() {
    none(shape::check_index_types(repository(), &shape::UNFINISHED));
}

#[test]
fn every_file_says_what_it_is_for() {
    none(shape::check_tops(repository()));
}

#[test]
fn every_format_has_a_version_and_a_sample() {
    none(shape::check_formats(repository()));
}

#[test]
fn source_is_plain_text() {
    none(text::check_characters(repository()));
}

#[test]
fn every_page_has_one_title() {
    none(text::check_titles(repository()));
}

#[test]
fn nothing_is_left_undone() {
    none(text::check_undone(repository()));
}
