//! `$include`: puts the files that the configuration names into the tree, each node knowing the text that it stands in.
//! What cannot be included is a fault at the place that asked for it, so that only its owner suffers. Nothing is
//! written here; which file an edit belongs to is told by [`Composed::home`].

use std::cell::OnceCell;
use std::path::{Component, Path, PathBuf};

use crate::basis::Basis;
use crate::json5::{self, Kind, Lines, Member, Node, Span, SyntaxError, position};
use crate::path::{KeyPath, Step};
use crate::read::Source;

/// The key.
pub(crate) const INCLUDE: &str = "$include";
/// How deep included files may include others (the original's limit).
const MAX_NESTED: usize = 10;
/// How many files one configuration may consist of.
const MAX_FILES: usize = 256;
/// The longest path, in bytes.
const LONGEST_PATH: usize = 4096;
/// Further places that files may be included from, as a list of absolute paths.
const ROOTS_VARIABLE: &str = "OPENCLAW_INCLUDE_ROOTS";

/// A configuration with all its files.
pub(crate) struct Composed<'t> {
    pub(crate) root: Node,
    pub(crate) texts: Texts<'t>,
    /// What could not be included.
    pub(crate) faults: Vec<Fault>,
    boundaries: Vec<Boundary>,
}

/// Something wrong with an include.
pub(crate) struct Fault {
    pub(crate) path: KeyPath,
    pub(crate) span: Span,
    pub(crate) message: String,
}

/// The texts that spans point into, by file number; the first is the configuration file itself.
pub(crate) struct Texts<'t> {
    main: &'t str,
    lines: OnceCell<Lines>,
    included: Vec<Included>,
    wanted: Vec<PathBuf>,
}

/// A file that was included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Included {
    /// The file, without symbolic links.
    pub path: PathBuf,
    /// What stands in it.
    pub source: Source,
}

/// A place whose content comes from somewhere else.
struct Boundary {
    path: KeyPath,
    /// The one file that an edit below this place may change; `None` when no command may.
    file: Option<usize>,
}

/// Where an edit of a place has to be made.
pub(crate) enum Home {
    /// In the configuration file.
    Main,
    /// In this file, at the rest of the path.
    Included { file: PathBuf, rest: KeyPath },
    /// The place is put together from several files or texts; a person has to decide. The path is that of the include.
    Mixed(KeyPath),
}

impl<'t> Texts<'t> {
    /// File (`None` for the configuration file), line and column of a span.
    pub(crate) fn place(&self, span: Span) -> (Option<&Path>, usize, usize) {
        let included = usize::from(span.file).checked_sub(1).and_then(|n| self.included.get(n));
        let (line, column) = match included {
            Some(included) => position(&included.source.text, span.start),
            None => self.lines.get_or_init(|| Lines::of(self.main)).position(self.main, span.start),
        };
        (included.map(|included| included.path.as_path()), line, column)
    }

    /// The files that were included, and all that were asked for.
    pub(crate) fn into_files(self) -> (Vec<Included>, Vec<PathBuf>) {
        (self.included, self.wanted)
    }
}

impl Composed<'_> {
    /// The text of an included file, or of the configuration file itself.
    pub(crate) fn text_of(&self, file: Option<&Path>) -> &str {
        let included = |file: &Path| self.texts.included.iter().find(|included| included.path == file);
        file.and_then(included).map_or(self.texts.main, |included| included.source.text.as_str())
    }

    /// Where an edit of `path` has to be made.
    pub(crate) fn home(&self, path: &KeyPath) -> Home {
        let inside = |boundary: &&Boundary| path.starts_with(&boundary.path);
        // An edit that would replace an include by a value, or reach over one, is as unclear as one inside.
        let reaches_over = |boundary: &&Boundary| boundary.path != *path && boundary.path.starts_with(path);
        if let Some(below) = self.boundaries.iter().find(reaches_over) {
            return Home::Mixed(below.path.clone());
        }
        match self.boundaries.iter().filter(inside).max_by_key(|boundary| boundary.path.steps().len()) {
            None => Home::Main,
            Some(Boundary { path: at, file: Some(n) }) => match self.texts.included.get(*n) {
                Some(included) => Home::Included {
                    file: included.path.clone(),
                    rest: KeyPath::from_steps(path.steps().get(at.steps().len()..).unwrap_or_default()),
                },
                None => Home::Mixed(at.clone()),
            },
            Some(Boundary { path, file: None }) => Home::Mixed(path.clone()),
        }
    }
}

/// Reads the text and everything that it includes.
///
/// # Errors
/// When the text itself has no structure. A broken included file is a fault of the result.
pub(crate) fn compose<'t>(text: &'t str, basis: &Basis<'_>) -> Result<Composed<'t>, SyntaxError> {
    let root = json5::document(text)?;
    let mut composed = Composed {
        root: Node { span: root.span, kind: Kind::Null },
        texts: Texts { main: text, lines: OnceCell::new(), included: Vec::new(), wanted: Vec::new() },
        faults: Vec::new(),
        boundaries: Vec::new(),
    };
    let root = if text.contains(INCLUDE) {
        let dir = folder(basis.config);
        let home = std::fs::canonicalize(&dir).unwrap_or_else(|_| dir.clone());
        let mut roots = vec![home];
        let named = basis.env.non_blank(ROOTS_VARIABLE);
        let further = named.as_deref().map(std::env::split_paths).into_iter().flatten();
        roots.extend(further.filter_map(|root| std::fs::canonicalize(root).ok()));
        let mut reader = Reader { basis, roots, composed: &mut composed };
        reader.resolve(root, &dir, &KeyPath::root(), &mut Vec::new())
    } else {
        root
    };
    composed.root = root;
    Ok(composed)
}

fn folder(file: &Path) -> PathBuf {
    match file.parent() {
        Some(dir) if !dir.as_os_str().is_empty() => dir.to_owned(),
        _ => PathBuf::from("."),
    }
}

struct Reader<'r, 'b, 't> {
    basis: &'r Basis<'b>,
    /// Where included files may lie; the first is the configuration's own folder.
    roots: Vec<PathBuf>,
    composed: &'r mut Composed<'t>,
}

impl Reader<'_, '_, '_> {
    /// Replaces every include in the tree. `dir` is where the text stands; `open` are the files on the way here.
    fn resolve(&mut self, node: Node, dir: &Path, path: &KeyPath, open: &mut Vec<usize>) -> Node {
        let Node { span, kind } = node;
        let kind = match kind {
            Kind::Object(members) => return self.object(span, members, dir, path, open),
            Kind::Array(mut items) => {
                for (n, item) in items.iter_mut().enumerate() {
                    let value = std::mem::replace(&mut item.value, Node { span, kind: Kind::Null });
                    item.value = self.resolve(value, dir, &path.index(n), open);
                }
                Kind::Array(items)
            }
            other => other,
        };
        Node { span, kind }
    }

    fn object(
        &mut self,
        span: Span,
        mut members: Vec<Member>,
        dir: &Path,
        path: &KeyPath,
        open: &mut Vec<usize>,
    ) -> Node {
        let include = members.iter().position(|member| member.key == INCLUDE).map(|at| members.remove(at));
        for member in &mut members {
            let value = std::mem::replace(&mut member.value, Node { span, kind: Kind::Null });
            member.value = self.resolve(value, dir, &path.key(&member.key), open);
        }
        let own = Node { span, kind: Kind::Object(members) };
        let Some(include) = include else { return own };
        let plain = matches!(&own.kind, Kind::Object(members) if members.is_empty());
        let at = include.value.span;
        let (names, single) = match include.value.kind {
            Kind::String(name) => (vec![(name, at)], true),
            Kind::Array(items) => {
                let named = items.into_iter().filter_map(|item| match item.value.kind {
                    Kind::String(name) => Some((name, item.value.span)),
                    _ => None,
                });
                (named.collect(), false)
            }
            _ => {
                self.fault(
                    path,
                    at,
                    "Invalid input: expected a file name or a list of file names".to_owned(),
                );
                (Vec::new(), false)
            }
        };
        let mut whole: Option<Node> = None;
        let boundary = self.composed.boundaries.len();
        self.composed.boundaries.push(Boundary { path: path.clone(), file: None });
        for (name, span) in names {
            match self.file(&name, dir, path, open) {
                Ok((file, node)) => {
                    // A command may change a file that is, alone and as a whole, what stands at one key.
                    let nested = self.composed.boundaries.len() > boundary + 1;
                    let alone = single && plain && !nested && open.is_empty();
                    let file = file.filter(|file| alone && is_below_keys(path) && self.lies_at_home(*file));
                    if let Some(boundary) = self.composed.boundaries.get_mut(boundary) {
                        boundary.file = file;
                    }
                    whole = Some(match whole {
                        None => node,
                        Some(before) => laid_over(before, node),
                    });
                }
                Err(message) => self.fault(path, span, message),
            }
        }
        match whole {
            None => own,
            Some(whole) if plain => whole,
            Some(whole) => laid_over(whole, own),
        }
    }

    /// Reads one included file with everything that it includes itself. The number is `None` for a file that another
    /// place includes too.
    fn file(
        &mut self,
        name: &str,
        dir: &Path,
        path: &KeyPath,
        open: &mut Vec<usize>,
    ) -> Result<(Option<usize>, Node), String> {
        let file = self.find(name, dir)?;
        if !self.composed.texts.wanted.contains(&file) {
            self.composed.texts.wanted.push(file.clone());
        }
        let known = self.composed.texts.included.iter().position(|included| included.path == file);
        if known.is_some_and(|known| open.contains(&known))
            || std::fs::canonicalize(self.basis.config).is_ok_and(|main| main == file)
        {
            return Err(format!("the included file {name} includes itself"));
        }
        if open.len() >= MAX_NESTED {
            return Err(format!("the included file {name} is nested deeper than {MAX_NESTED} levels"));
        }
        if let Some(known) = known {
            // Used at two places: an edit at one would change the other.
            self.composed.boundaries.iter_mut().filter(|b| b.file == Some(known)).for_each(|b| b.file = None);
        }
        let number = match known {
            Some(known) => known,
            None => {
                if self.composed.texts.included.len() >= MAX_FILES {
                    return Err(format!("more than {MAX_FILES} files are included"));
                }
                let source = match self.basis.drafts.get(&file) {
                    Some(draft) => Source::new(draft.clone()),
                    None => Source::read(&file)
                        .map_err(|error| error.to_string())?
                        .ok_or_else(|| format!("the included file {name} does not exist"))?,
                };
                self.composed.texts.included.push(Included { path: file.clone(), source });
                self.composed.texts.included.len() - 1
            }
        };
        let text = self.composed.texts.included.get(number).map(|included| included.source.text.clone());
        let id = u16::try_from(number + 1).map_err(|_| "too many files are included".to_owned())?;
        let mut node = json5::parse(&text.unwrap_or_default())
            .map_err(|error| format!("the included file {name} is not JSON5: {error}"))?;
        node.set_file(id);
        open.push(number);
        let node = self.resolve(node, &folder(&file), path, open);
        open.pop();
        Ok((known.is_none().then_some(number), node))
    }

    /// The file that a name means: beside the file that names it, and inside one of the roots.
    fn find(&self, name: &str, dir: &Path) -> Result<PathBuf, String> {
        if name.trim().is_empty() || name.contains('\0') || name.len() >= LONGEST_PATH {
            return Err("this is not a file name".to_owned());
        }
        let written = dir.join(name);
        // A file that is to be written may not exist yet; everything else is looked at without links.
        let file = std::fs::canonicalize(&written).unwrap_or_else(|_| tidy(&written));
        if self.roots.iter().any(|root| file.starts_with(root)) {
            Ok(file)
        } else {
            Err(format!(
                "the included file {name} lies outside the folder of the configuration (name its folder in \
                 {ROOTS_VARIABLE} to allow it)"
            ))
        }
    }

    fn lies_at_home(&self, file: usize) -> bool {
        let file = self.composed.texts.included.get(file);
        file.zip(self.roots.first()).is_some_and(|(file, home)| file.path.starts_with(home))
    }

    fn fault(&mut self, path: &KeyPath, span: Span, message: String) {
        self.composed.faults.push(Fault { path: path.key(INCLUDE), span, message });
    }
}

/// Whether the path leads through objects only, and somewhere.
fn is_below_keys(path: &KeyPath) -> bool {
    !path.steps().is_empty() && path.steps().iter().all(|step| matches!(step, Step::Key(_)))
}

/// The path without `.` and `..`, as text.
fn tidy(path: &Path) -> PathBuf {
    let mut tidy = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                tidy.pop();
            }
            other => tidy.push(other),
        }
    }
    tidy
}

/// `over` laid over `base`: objects key by key, everything else as a whole.
pub(crate) fn laid_over(base: Node, over: Node) -> Node {
    match (base.kind, over.kind) {
        (Kind::Object(mut members), Kind::Object(overs)) => {
            for member in overs {
                match members.iter().position(|known| known.key == member.key) {
                    Some(at) => {
                        let known = members.remove(at);
                        let value = laid_over(known.value, member.value);
                        members.insert(at, Member { value, ..member });
                    }
                    None => members.push(member),
                }
            }
            Node { span: over.span, kind: Kind::Object(members) }
        }
        (_, kind) => Node { span: over.span, kind },
    }
}

#[cfg(test)]
#[path = "include_tests.rs"]
mod tests;
