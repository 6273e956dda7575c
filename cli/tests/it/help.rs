//! The help of every command: what is in which section, and in which order.

use crate::program::Desk;

/// Commands that write to a database, so that what becomes of its log is for them to say.
const WRITE: [&str; 13] = [
    "import",
    "put",
    "delete",
    "delete-range",
    "merge",
    "id",
    "cas",
    "batch",
    "keyspaces create",
    "keyspaces rename",
    "keyspaces drop",
    "compact",
    "load",
];
/// What they say it with.
const LOG: [&str; 5] = [
    "--archive-log",
    "--log-retention-bytes",
    "--log-retention-age",
    "--feed-retention-bytes",
    "--log-segment-bytes",
];

/// The lines of a section.
type Section<'h> = (&'h str, Vec<&'h str>);

/// The sections of a help behind the usage.
fn sections(help: &str) -> Vec<Section<'_>> {
    let mut sections: Vec<Section<'_>> = Vec::new();
    for line in help.lines().skip_while(|line| !line.starts_with("Usage:")).skip(1) {
        match sections.last_mut() {
            _ if !line.starts_with(' ') && line.ends_with(':') => sections.push((line, Vec::new())),
            Some((_, lines)) => lines.push(line),
            None => assert_eq!(line, "", "{help}"),
        }
    }
    sections
}

/// The first words of the entries of a section that begin like one of `starts`.
fn entries<'h>(sections: &[Section<'h>], heading: &str, starts: &[&str]) -> Vec<&'h str> {
    let section = sections.iter().find(|(title, _)| *title == heading);
    let lines = section.into_iter().flat_map(|(_, lines)| lines);
    let trimmed = lines.map(|line| line.trim_start().trim_start_matches("-h, "));
    let found = trimmed.filter(|line| starts.iter().any(|start| line.starts_with(start)));
    found.filter_map(|line| line.split([' ', '.']).next()).collect()
}

/// All commands, and theirs.
fn all_commands(desk: &Desk, above: &str) -> Vec<String> {
    let help = desk.text(&format!("help {above}"));
    let sections = sections(&help);
    let commands = sections.iter().filter(|(title, _)| *title == "Commands:");
    let names = commands.flat_map(|(_, lines)| lines).filter_map(|line| {
        let name = line.strip_prefix("  ").filter(|line| !line.starts_with(' '))?;
        name.split_whitespace().next()
    });
    let names = names.filter(|name| *name != "help");
    let full = names.map(|name| format!("{above} {name}").trim().to_owned());
    full.flat_map(|name| [vec![name.clone()], all_commands(desk, &name)].concat()).collect()
}

#[test]
fn every_help_has_its_arguments_first_and_its_options_under_their_headings() {
    let desk = Desk::new();
    let commands = all_commands(&desk, "");
    assert!(commands.len() >= 32, "{commands:?}");
    for write in WRITE {
        assert!(commands.iter().any(|command| command == write), "{write}");
    }
    for command in commands {
        let help = desk.text(&format!("help {command}"));
        let sections = sections(&help);
        let titles: Vec<&str> = sections.iter().map(|(title, _)| *title).collect();
        let (writes, log) = (WRITE.contains(&command.as_str()), "What becomes of the log:");
        let order = ["Commands:", "Arguments:", "Options:", log];
        let expected: Vec<&str> =
            order.into_iter().filter(|title| titles.contains(title)).collect();
        assert_eq!(titles, expected, "{command}");
        // Arguments come in the order in which they are given.
        let listed = entries(&sections, "Arguments:", &["<", "["]);
        let usage = help.lines().find(|line| line.starts_with("Usage:")).unwrap();
        let words: Vec<&str> = usage.trim_end_matches(" [COMMAND]").split(' ').collect();
        let given: Vec<&str> = words.iter().map(|word| word.trim_end_matches("...")).collect();
        assert!(given.ends_with(&listed), "{command}: {usage}: {listed:?}");
        assert_eq!(
            entries(&sections, log, &["--"]),
            if writes { &LOG[..] } else { &[] },
            "{command}"
        );
        let own = entries(&sections, "Options:", &["--"]);
        assert!(own.contains(&"--json") && own.contains(&"--help"), "{command}: {own:?}");
        assert!(LOG.iter().all(|option| !own.contains(option)), "{command}: {own:?}");
    }
}

#[test]
fn commands_that_read_refuse_by_name_what_is_for_those_that_write() {
    let desk = Desk::new();
    desk.text("put db k a 1");
    for command in
        ["get db k a", "scan db k", "watch db --timeout 1ms", "changes db", "keyspaces db"]
    {
        for option in LOG {
            let (code, kind, message) = desk.failure(&format!("{command} {option} 1"));
            assert_eq!((code, kind.as_str()), (2, "Invalid"), "{command} {option}");
            assert!(message.contains(option), "{message}");
        }
    }
    desk.text("keyspaces db create l --log-retention-bytes 1000");
}
