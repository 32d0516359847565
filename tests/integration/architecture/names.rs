//! Which paths a piece of Rust names, wherever they stand: in `use`, in types, in expressions, and
//! in the arguments of macros. Code under `#[cfg(test)]` is left out.

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};

/// What a source file names.
#[derive(Debug, Default)]
pub(super) struct Names {
    /// Absolute paths, such as `cos_thumbnails::storage::Error` or `std::time::Instant`.
    pub(super) paths: Vec<String>,
    /// Whether there is an `async` function, block or closure, or an `.await`.
    pub(super) has_async: bool,
}

/// Reads `source`, the text of module `module` (such as `["cos_thumbnails", "events"]`, the crate's
/// name first).
pub(super) fn names(source: &str, module: &[String]) -> Names {
    let file = syn::parse_file(source).expect("Rust that compiles can be parsed");
    let mut collector = Collector {
        module: module.to_vec(),
        names: Names::default(),
    };
    collector.visit_file(&file);
    collector.names
}

/// Whether the keyword `unsafe` stands anywhere but in comments and texts.
pub(super) fn has_unsafe(source: &str) -> bool {
    fn search(tokens: TokenStream) -> bool {
        tokens.into_iter().any(|token| match token {
            TokenTree::Ident(ident) => ident == "unsafe",
            TokenTree::Group(group) => search(group.stream()),
            TokenTree::Punct(_) | TokenTree::Literal(_) => false,
        })
    }
    search(source.parse().expect("Rust that compiles has tokens"))
}

struct Collector {
    module: Vec<String>,
    names: Names,
}

impl Collector {
    /// Notes a path, made absolute. One word alone says nothing: it may be a variable.
    fn note(&mut self, segments: &[String]) {
        let mut base: Vec<String> = match segments.first().map(String::as_str) {
            Some("crate" | "$crate") => self.module[..1].to_vec(),
            Some("self" | "super") if segments.len() > 1 => self.module.clone(),
            _ => Vec::new(),
        };
        let mut rest = segments;
        while let [first, tail @ ..] = rest {
            match first.as_str() {
                "super" => {
                    base.pop();
                }
                "crate" | "$crate" | "self" => {}
                _ => break,
            }
            rest = tail;
        }
        base.extend_from_slice(rest);
        self.names.paths.push(base.join("::"));
    }

    fn note_use(&mut self, tree: &syn::UseTree, before: &[String]) {
        let with = |ident: &syn::Ident| [before, &[ident.to_string()]].concat();
        match tree {
            syn::UseTree::Path(path) => self.note_use(&path.tree, &with(&path.ident)),
            syn::UseTree::Name(name) => self.note(&with(&name.ident)),
            syn::UseTree::Rename(rename) => self.note(&with(&rename.ident)),
            syn::UseTree::Glob(_) => self.note(&[before, &["*".to_owned()]].concat()),
            syn::UseTree::Group(group) => {
                for tree in &group.items {
                    self.note_use(tree, before);
                }
            }
        }
    }

    /// The paths in a macro's arguments, which are no syntax yet: words joined by `::`.
    fn note_tokens(&mut self, tokens: TokenStream) {
        let mut path: Vec<String> = Vec::new();
        let mut colons = 0;
        for token in tokens {
            match &token {
                TokenTree::Punct(punct) if punct.as_char() == ':' => {
                    colons += 1;
                    continue;
                }
                TokenTree::Ident(ident) => {
                    if colons != 2 {
                        self.flush(&mut path);
                    }
                    if ident == "async" || ident == "await" {
                        self.names.has_async = true;
                    }
                    path.push(ident.to_string());
                }
                TokenTree::Group(group) => {
                    self.flush(&mut path);
                    self.note_tokens(group.stream());
                }
                TokenTree::Punct(_) | TokenTree::Literal(_) => self.flush(&mut path),
            }
            colons = 0;
        }
        self.flush(&mut path);
    }

    fn flush(&mut self, path: &mut Vec<String>) {
        let path = std::mem::take(path);
        if path.len() > 1 {
            self.note(&path);
        }
    }
}

impl<'ast> Visit<'ast> for Collector {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        let attributes = match item {
            syn::Item::Mod(item) => &item.attrs,
            syn::Item::Fn(item) => &item.attrs,
            syn::Item::Use(item) => &item.attrs,
            syn::Item::Impl(item) => &item.attrs,
            _ => &Vec::new(),
        };
        if !attributes.iter().any(is_for_tests) {
            visit::visit_item(self, item);
        }
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        self.module.push(item.ident.to_string());
        visit::visit_item_mod(self, item);
        self.module.pop();
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.note_use(&item.tree, &[]);
    }

    fn visit_item_extern_crate(&mut self, item: &'ast syn::ItemExternCrate) {
        self.note(&[item.ident.to_string(), "*".to_owned()]);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let segments: Vec<String> = path.segments.iter().map(|s| s.ident.to_string()).collect();
        if segments.len() > 1 {
            self.note(&segments);
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, mac: &'ast syn::Macro) {
        self.note_tokens(mac.tokens.clone());
        visit::visit_macro(self, mac);
    }

    fn visit_signature(&mut self, signature: &'ast syn::Signature) {
        self.names.has_async |= signature.asyncness.is_some();
        visit::visit_signature(self, signature);
    }

    fn visit_expr_async(&mut self, expr: &'ast syn::ExprAsync) {
        self.names.has_async = true;
        visit::visit_expr_async(self, expr);
    }

    fn visit_expr_await(&mut self, expr: &'ast syn::ExprAwait) {
        self.names.has_async = true;
        visit::visit_expr_await(self, expr);
    }

    fn visit_expr_closure(&mut self, expr: &'ast syn::ExprClosure) {
        self.names.has_async |= expr.asyncness.is_some();
        visit::visit_expr_closure(self, expr);
    }
}

/// Whether an attribute is exactly `#[cfg(test)]`.
fn is_for_tests(attribute: &syn::Attribute) -> bool {
    attribute.path().is_ident("cfg")
        && attribute
            .parse_args::<syn::Ident>()
            .is_ok_and(|ident| ident == "test")
}
