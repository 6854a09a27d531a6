//! The commands of a Markdown text.

/// Commands that are run at once.
pub(super) struct Step {
    /// Number of its first line in the text.
    pub(super) line: usize,
    pub(super) commands: String,
    /// What is shown of its standard output.
    pub(super) output: Option<String>,
    /// Where it belongs, unless everywhere.
    pub(super) elsewhere: Option<String>,
}

/// Blocks that hold no commands.
const SHOWN: [&str; 5] = ["yaml", "diff", "text", "json", "mermaid"];

/// The commands of this text in their order, or what is wrong with its blocks.
pub(super) fn steps(text: &str) -> Result<Vec<Step>, String> {
    let mut steps = Vec::new();
    let mut lines = text.lines().enumerate();
    while let Some((at, line)) = lines.next() {
        let Some(language) = line.trim_start().strip_prefix("```") else {
            continue;
        };
        let indent = line.len() - line.trim_start().len();
        let mut block = Vec::new();
        loop {
            let Some((_, line)) = lines.next() else {
                return Err(format!("line {}: a block without an end", at + 1));
            };
            if line.trim() == "```" {
                break;
            }
            block.push(line.get(indent..).unwrap_or_default());
        }
        // The line of the block's first line, counted from 1.
        let first = at + 2;
        match language.split_once(' ').unwrap_or((language, "")) {
            ("sh", place) => steps.push(Step {
                line: first,
                commands: block.join("\n"),
                output: None,
                elsewhere: (!place.is_empty()).then(|| place.to_owned()),
            }),
            ("console", "") => steps.extend(console(first, &block)),
            (language, "") if SHOWN.contains(&language) => {}
            _ => return Err(format!("line {}: a block of {language} is not known", at + 1)),
        }
    }
    Ok(steps)
}

/// The commands of a block that shows their output.
fn console(first: usize, block: &[&str]) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    for (line, text) in (first..).zip(block) {
        if let Some(command) = text.strip_prefix("$ ") {
            steps.push(Step {
                line,
                commands: command.to_owned(),
                output: Some(String::new()),
                elsewhere: None,
            });
        } else if let Some(output) = steps.last_mut().and_then(|step| step.output.as_mut()) {
            output.push_str(text);
            output.push('\n');
        }
    }
    steps
}
