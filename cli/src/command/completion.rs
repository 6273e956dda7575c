//! `completion`: what a shell needs to complete commands and options.

use clap::{Args, CommandFactory, ValueEnum};
use clap_complete::{Shell, generate};
use cuesta::Result;

use crate::output::Output;

/// Load it where the shell starts: source <(cuesta completion bash).
#[derive(Debug, Args)]
pub struct Completion {
    /// The shell
    #[arg(value_enum)]
    shell: Known,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Known {
    Bash,
    Zsh,
    Fish,
    Powershell,
}

impl Completion {
    pub fn run(self, output: &mut Output) -> Result<()> {
        let shell = match self.shell {
            Known::Bash => Shell::Bash,
            Known::Zsh => Shell::Zsh,
            Known::Fish => Shell::Fish,
            Known::Powershell => Shell::PowerShell,
        };
        // Into memory first: it fails in no other way than by a panic.
        let mut script = Vec::new();
        generate(shell, &mut crate::Arguments::command(), "cuesta", &mut script);
        output.write(|out| out.write_all(&script))
    }
}
