//! A scanner that cuts a JSON text into its members and elements without building it.
//!
//! Here: the elements of one array of the top-level object (or of a top-level array), each as raw bytes with a cap, and
//! the members of an object's first bytes; brackets are counted, never recursed into. Elsewhere: what a cut-out value means.
//! Bounds: one key 1 KiB, one element as the caller says and 128 brackets deep; more is skipped, not kept.

use std::io::{ErrorKind, Read};

/// Longest top-level key that is looked at.
const MAX_KEY: usize = 1 << 10;
const CHUNK: usize = 64 << 10;

/// Most brackets inside each other in one element.
const MAX_DEPTH: u64 = 128;

/// How much of a value was kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fit {
    /// All of it.
    Whole,
    /// It is above the cap and cut there.
    TooLarge,
    /// Its brackets go deeper than 128.
    TooDeep,
}

/// An element of the array.
pub(crate) struct Element<'a> {
    /// Its place, from 0.
    pub index: u64,
    /// Its JSON text.
    pub raw: &'a [u8],
    /// Whether that is all of it.
    pub fit: Fit,
}

/// Where and why the text broke off.
pub(crate) struct Broken {
    /// Offset in bytes from the start.
    pub offset: u64,
    /// Index of the element that was being read, where there was one.
    pub element: Option<u64>,
    /// Why, in words.
    pub why: String,
}

/// Cuts the text that `source` gives. `array` names the member whose elements are wanted; a top-level array gives its
/// own. Hands over every element before the place where the text breaks off.
pub(crate) fn document(
    source: &mut dyn Read,
    array: &str,
    cap: usize,
    on: &mut dyn FnMut(Element<'_>),
) -> Result<(), Broken> {
    let mut scanner = Scanner::new(source, cap);
    scanner.document(array, on).map_err(|why| Broken {
        offset: scanner.offset(),
        element: scanner.element,
        why,
    })
}

/// The members of the object that `head` begins with, as far as they go; the last value may be cut short.
pub(crate) fn members(head: &[u8], on: &mut dyn FnMut(&str, &[u8])) {
    let mut source = head;
    let mut scanner = Scanner::new(&mut source, head.len());
    // A head may end anywhere: what is whole was handed over.
    let _cut_short = scanner.members(on);
}

struct Scanner<'r> {
    source: &'r mut dyn Read,
    buffer: Vec<u8>,
    at: usize,
    before: u64,
    cap: usize,
    element: Option<u64>,
    value: Vec<u8>,
}

impl<'r> Scanner<'r> {
    fn new(source: &'r mut dyn Read, cap: usize) -> Self {
        Self { source, buffer: Vec::new(), at: 0, before: 0, cap, element: None, value: Vec::new() }
    }

    fn offset(&self) -> u64 {
        self.before + self.at as u64
    }

    /// The next byte, not taken; `None` at the end.
    fn peek(&mut self) -> Result<Option<u8>, String> {
        if self.at >= self.buffer.len() {
            self.before += self.buffer.len() as u64;
            self.at = 0;
            self.buffer.resize(CHUNK, 0);
            let read = loop {
                match self.source.read(&mut self.buffer) {
                    Err(e) if e.kind() == ErrorKind::Interrupted => {}
                    Err(e) => {
                        self.buffer.clear();
                        return Err(format!("reading failed: {e}"));
                    }
                    Ok(n) => break n,
                }
            };
            self.buffer.truncate(read);
        }
        Ok(self.buffer.get(self.at).copied())
    }

    fn take(&mut self) {
        self.at += 1;
    }

    /// The next byte that is not white space (RFC 8259 section 2), not taken.
    fn token(&mut self) -> Result<Option<u8>, String> {
        while let Some(b) = self.peek()? {
            if !matches!(b, b' ' | b'\t' | b'\n' | b'\r') {
                return Ok(Some(b));
            }
            self.take();
        }
        Ok(None)
    }

    fn expect(&mut self, wanted: &str) -> Result<u8, String> {
        match self.token()? {
            Some(b) if wanted.as_bytes().contains(&b) => {
                self.take();
                Ok(b)
            }
            Some(b) => Err(format!("found `{}` where one of `{wanted}` belongs", b.escape_ascii())),
            None => Err("the text ends too soon".into()),
        }
    }

    fn document(&mut self, array: &str, on: &mut dyn FnMut(Element<'_>)) -> Result<(), String> {
        self.skip_mark()?;
        match self.token()? {
            Some(b'[') => self.elements(on)?,
            _ => self.object(array, on)?,
        }
        match self.token()? {
            None => Ok(()),
            Some(_) => Err("more text follows the end of the document".into()),
        }
    }

    /// A byte-order mark before the text is passed over.
    fn skip_mark(&mut self) -> Result<(), String> {
        for mark in [0xef, 0xbb, 0xbf] {
            if self.peek()? != Some(mark) {
                break;
            }
            self.take();
        }
        Ok(())
    }

    fn object(&mut self, array: &str, on: &mut dyn FnMut(Element<'_>)) -> Result<(), String> {
        self.expect("{")?;
        if self.token()? == Some(b'}') {
            self.take();
            return Ok(());
        }
        loop {
            let key = self.key()?;
            if key == array && self.token()? == Some(b'[') {
                self.elements(on)?;
            } else {
                self.one_value(0)?;
            }
            if self.expect(",}")? == b'}' {
                return Ok(());
            }
        }
    }

    fn members(&mut self, on: &mut dyn FnMut(&str, &[u8])) -> Result<(), String> {
        self.skip_mark()?;
        self.expect("{")?;
        loop {
            let key = self.key()?;
            let read = self.one_value(self.cap);
            on(&key, &self.value);
            read?;
            if self.expect(",}")? == b'}' {
                return Ok(());
            }
        }
    }

    fn key(&mut self) -> Result<String, String> {
        if self.token()? != Some(b'"') {
            return Err("a name in quotes belongs here".into());
        }
        let fit = self.one_value(MAX_KEY)?;
        // A key too long to be one we look for is read as an empty one.
        let key = if fit == Fit::Whole {
            serde_json::from_slice(&self.value).map_err(|e| e.to_string())?
        } else {
            String::new()
        };
        self.expect(":")?;
        Ok(key)
    }

    fn elements(&mut self, on: &mut dyn FnMut(Element<'_>)) -> Result<(), String> {
        self.expect("[")?;
        if self.token()? == Some(b']') {
            self.take();
            return Ok(());
        }
        let mut index = self.element.map_or(0, |e| e + 1);
        loop {
            self.element = Some(index);
            let fit = self.one_value(self.cap)?;
            on(Element { index, raw: &self.value, fit });
            if self.expect(",]")? == b']' {
                return Ok(());
            }
            index += 1;
        }
    }

    /// Reads one value of any kind into `self.value`, at most `cap` bytes of it.
    fn one_value(&mut self, cap: usize) -> Result<Fit, String> {
        self.value.clear();
        let mut fit = Fit::Whole;
        match self.token()? {
            None => return Err("the text ends where a value belongs".into()),
            Some(b',' | b']' | b'}' | b':') => return Err("a value is missing".into()),
            Some(b'"') => self.string(cap, &mut fit)?,
            Some(b'{' | b'[') => self.nested(cap, &mut fit)?,
            Some(_) => self.scalar(cap, &mut fit)?,
        }
        Ok(fit)
    }

    fn keep(&mut self, byte: u8, cap: usize, fit: &mut Fit) {
        if self.value.len() < cap {
            self.value.push(byte)
        } else {
            *fit = Fit::TooLarge
        }
        self.take();
    }

    fn scalar(&mut self, cap: usize, fit: &mut Fit) -> Result<(), String> {
        while let Some(b) = self.peek()? {
            if matches!(b, b',' | b']' | b'}' | b':' | b'"' | b'{' | b'[' | b' ' | b'\t' | b'\n' | b'\r') {
                break;
            }
            self.keep(b, cap, fit);
        }
        Ok(())
    }

    fn string(&mut self, cap: usize, fit: &mut Fit) -> Result<(), String> {
        self.keep(b'"', cap, fit);
        let mut escaped = false;
        while let Some(b) = self.peek()? {
            if b < 0x20 {
                return Err("a line ends inside a text in quotes".into());
            }
            self.keep(b, cap, fit);
            match b {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => return Ok(()),
                _ => {}
            }
        }
        Err("the text ends inside quotes".into())
    }

    fn nested(&mut self, cap: usize, fit: &mut Fit) -> Result<(), String> {
        let mut depth = 0u64;
        while let Some(b) = self.peek()? {
            match b {
                b'"' => {
                    self.string(cap, fit)?;
                    continue;
                }
                b'{' | b'[' => {
                    depth += 1;
                    if depth > MAX_DEPTH {
                        *fit = Fit::TooDeep;
                    }
                }
                b'}' | b']' => depth -= 1,
                _ => {}
            }
            self.keep(b, cap, fit);
            if depth == 0 {
                return Ok(());
            }
        }
        Err("the text ends inside a value".into())
    }
}
