//! Scripts for shells: `completion`.

use crate::program::Desk;

#[test]
fn every_shell_learns_every_command() {
    let desk = Desk::new();
    let help = desk.text("help");
    let commands = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let names: Vec<&str> = commands.map_while(|line| line.split_whitespace().next()).collect();
    for shell in ["bash", "zsh", "fish", "powershell"] {
        let script = desk.text(&format!("completion {shell}"));
        for name in &names {
            assert!(script.contains(name), "{shell} does not know {name}");
        }
        assert!(script.contains("durability"), "{shell}");
        assert!(!script.contains("demo-copy"), "{shell} tells what is for the demo alone");
    }
    assert_eq!(desk.failure("completion csh").0, 2);
}

#[test]
fn bash_takes_its_script() {
    let desk = Desk::new();
    desk.write("script", desk.text("completion bash"));
    let line = "source ./script; COMP_WORDS=(cuesta key); COMP_CWORD=1; \
                _cuesta cuesta key cuesta; echo ${COMPREPLY[@]}";
    let mut bash = std::process::Command::new("bash");
    let Ok(told) = bash.args(["-c", line]).current_dir(desk.folder()).output() else { return };
    assert_eq!(String::from_utf8_lossy(&told.stdout).trim(), "keyspaces", "{told:?}");
}
