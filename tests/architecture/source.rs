//! A source as tokens, without comments and strings, and the paths in it, written out from the crate's root.

/// One file, as the rules see it.
pub(super) struct Source {
    /// From `src` on, as in `plan/diff.rs`.
    pub(super) path: String,
    /// The part of the house it stands in: `plan`.
    pub(super) house: String,
    pub(super) lines: usize,
    tokens: Vec<Token>,
    /// Every path that is used, written out: `crate::model::UserId`, `std::fs`.
    paths: Vec<Token>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Token {
    line: usize,
    text: String,
}

impl Source {
    pub(super) fn new(path: &str, text: &str) -> Self {
        let tokens = tokens(text);
        let mut module: Vec<&str> = path.trim_end_matches(".rs").split('/').collect();
        let house = module[0].to_owned();
        module.retain(|part| !matches!(*part, "mod" | "lib" | "main"));
        Self {
            path: path.to_owned(),
            house,
            lines: text.lines().count(),
            paths: Paths::of(&tokens, &module),
            tokens,
        }
    }

    pub(super) fn lines_with_names(&self, names: &[&str]) -> Vec<usize> {
        let tokens = self.tokens.iter();
        let found = tokens.filter(|token| names.contains(&token.text.as_str()));
        found.map(|token| token.line).collect()
    }

    pub(super) fn lines_of_paths(&self, wanted: impl Fn(&str) -> bool) -> Vec<usize> {
        let found = self.paths.iter().filter(|path| wanted(&path.text));
        found.map(|path| path.line).collect()
    }

    /// Where a path is one of these or leads on from one.
    pub(super) fn lines_with_paths(&self, roots: &[&str]) -> Vec<usize> {
        self.lines_of_paths(|path| roots.iter().any(|root| leads_from(path, root)))
    }

    /// Where a file of this part of the house uses something of ours that is neither in it nor in `allowed`.
    pub(super) fn imports_beyond(&self, house: &str, allowed: &[&str]) -> Vec<usize> {
        if self.house != house {
            return Vec::new();
        }
        let may = |path: &str| {
            [&[house][..], allowed]
                .concat()
                .iter()
                .any(|root| leads_from(path, root))
        };
        self.lines_of_paths(|path| {
            path.strip_prefix("crate").is_some_and(|rest| {
                (rest.is_empty() || rest.starts_with("::")) && !may(rest.trim_start_matches("::"))
            })
        })
    }
}

fn leads_from(path: &str, root: &str) -> bool {
    path.strip_prefix(root)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

/// Names, `::` and single signs, each with its line; comments, strings and character literals are left out.
fn tokens(text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut line = 1;
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let (length, kept) = match skipped(rest) {
            0 if is_name(first) => (rest.find(|c| !is_name(c)).unwrap_or(rest.len()), true),
            0 if rest.starts_with("::") => (2, true),
            0 => (first.len_utf8(), !first.is_whitespace()),
            length => (length, false),
        };
        let (token, after) = rest.split_at(length);
        if kept {
            let text = token.to_owned();
            tokens.push(Token { line, text });
        }
        line += token.matches('\n').count();
        rest = after;
    }
    tokens
}

fn is_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Number of bytes of the comment, string or character literal that the text begins with.
fn skipped(text: &str) -> usize {
    if text.starts_with("//") {
        return text.find('\n').unwrap_or(text.len());
    }
    if text.starts_with("/*") {
        return block_comment(text);
    }
    for prefix in ["r", "br", "cr"] {
        let Some(raw) = text.strip_prefix(prefix) else {
            continue;
        };
        let hashes = raw.len() - raw.trim_start_matches('#').len();
        if raw[hashes..].starts_with('"') {
            let begin = prefix.len() + hashes + 1;
            let end = format!("\"{}", "#".repeat(hashes));
            return text[begin..]
                .find(&end)
                .map_or(text.len(), |at| begin + at + end.len());
        }
    }
    if text.starts_with("'\\") {
        return 2 + text[3..].find('\'').map_or(text.len() - 2, |at| at + 2);
    }
    if let Some(literal) = text.strip_prefix('\'')
        && literal.chars().nth(1) == Some('\'')
    {
        return 2 + literal.chars().next().map_or(0, char::len_utf8);
    }
    if let Some(string) = text.strip_prefix('"') {
        let mut escaped = false;
        let end = string.find(|c| {
            let ends = c == '"' && !escaped;
            escaped = c == '\\' && !escaped;
            ends
        });
        return end.map_or(text.len(), |at| at + 2);
    }
    0
}

/// A block comment can hold others.
fn block_comment(text: &str) -> usize {
    let mut depth = 0;
    let mut at = 0;
    while at < text.len() {
        let rest = &text[at..];
        if rest.starts_with("/*") {
            depth += 1;
            at += 2;
        } else if rest.starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                break;
            }
        } else {
            at += rest.chars().next().map_or(1, char::len_utf8);
        }
    }
    at
}

/// Collects the paths among tokens.
struct Paths<'a> {
    tokens: &'a [Token],
    /// The module that the file is.
    module: &'a [&'a str],
    /// Number of open braces, and at which of them a module within the file began.
    depth: usize,
    inner_modules: Vec<usize>,
    found: Vec<Token>,
}

impl<'a> Paths<'a> {
    fn of(tokens: &'a [Token], module: &'a [&'a str]) -> Vec<Token> {
        let mut paths = Self {
            tokens,
            module,
            depth: 0,
            inner_modules: Vec::new(),
            found: Vec::new(),
        };
        let mut at = 0;
        while at < tokens.len() {
            at = paths.step(at);
        }
        paths.found
    }

    fn text(&self, at: usize) -> &'a str {
        self.tokens.get(at).map_or("", |token| token.text.as_str())
    }

    fn step(&mut self, at: usize) -> usize {
        match self.text(at) {
            "mod" if self.text(at + 2) == "{" => self.inner_modules.push(self.depth),
            "{" => self.depth += 1,
            "}" => {
                self.depth = self.depth.saturating_sub(1);
                self.inner_modules.retain(|begin| *begin < self.depth);
            }
            "use" if self.text(at + 1) == "::" => return self.tree(at + 2, &[]),
            "use" => return self.tree(at + 1, &[]),
            name if name.starts_with(is_name) && self.text(at + 1) == "::" => return self.tree(at, &[]),
            _ => {}
        }
        at + 1
    }

    /// Reads a path, or a tree of them in braces, that goes on from `stem`; gives the place after it.
    fn tree(&mut self, at: usize, stem: &[&'a str]) -> usize {
        let mut path = stem.to_vec();
        let mut next = at;
        loop {
            match self.text(next) {
                "{" => {
                    next += 1;
                    while !matches!(self.text(next), "}" | "") {
                        next = match self.text(next) {
                            "as" => next + 2,
                            "," => next + 1,
                            _ => self.tree(next, &path),
                        };
                    }
                    return next + 1;
                }
                name if name == "*" || name.starts_with(is_name) => path.push(name),
                // What follows is no path: a sign such as the `<` of `Vec::<u8>`.
                _ => break,
            }
            next += 1;
            if self.text(next) != "::" {
                break;
            }
            next += 1;
        }
        if let Some(Token { line, .. }) = self.tokens.get(at)
            && !path.is_empty()
        {
            let text = self.written_out(&path).join("::");
            self.found.push(Token { line: *line, text });
        }
        next.max(at + 1)
    }

    fn written_out(&self, path: &[&'a str]) -> Vec<&'a str> {
        let path: Vec<&str> = path.iter().copied().filter(|part| *part != "self").collect();
        let ups = path.iter().take_while(|part| **part == "super").count();
        match path.first() {
            Some(&"roomsync") => [&["crate"], &path[1..]].concat(),
            Some(&"super") => {
                let here = self.module.len() + self.inner_modules.len();
                let up = here.saturating_sub(ups).min(self.module.len());
                [&["crate"], &self.module[..up], &path[ups..]].concat()
            }
            _ => path,
        }
    }
}
