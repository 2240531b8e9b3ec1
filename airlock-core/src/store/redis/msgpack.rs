//! MessagePack as the script reads and writes it. What is not there is `false`, because Lua has no lists with holes.

use std::fmt::Display;

use rmp::Marker;
use rmp::decode;
use rmp::encode;

use crate::error::StoreError;

/// Writes one array.
#[derive(Debug)]
pub struct Writer {
    bytes: Vec<u8>,
    count: u32,
}

impl Writer {
    /// Nothing in it.
    #[expect(clippy::new_without_default, reason = "it is not a value")]
    pub fn new() -> Self {
        Writer { bytes: Vec::with_capacity(128), count: 0 }
    }

    /// The whole, with its length in front.
    ///
    /// # Errors
    ///
    /// Never: a vector takes everything. The encoder does not know.
    pub fn finish(self) -> Result<Vec<u8>, StoreError> {
        let mut whole = Vec::with_capacity(self.bytes.len() + 5);
        encode::write_array_len(&mut whole, self.count).map_err(unwritable)?;
        whole.extend_from_slice(&self.bytes);
        Ok(whole)
    }

    /// A number. Above 2⁵³ the script would read another one: those are the callers' to keep out.
    pub fn number(&mut self, value: u64) -> Result<&mut Self, StoreError> {
        encode::write_uint(&mut self.bytes, value).map_err(unwritable)?;
        Ok(self.added())
    }

    /// A double.
    pub fn double(&mut self, value: f64) -> Result<&mut Self, StoreError> {
        encode::write_f64(&mut self.bytes, value).map_err(unwritable)?;
        Ok(self.added())
    }

    /// Yes or no.
    pub fn flag(&mut self, value: bool) -> Result<&mut Self, StoreError> {
        encode::write_bool(&mut self.bytes, value).map_err(unwritable)?;
        Ok(self.added())
    }

    /// Text, or any other bytes: Lua makes no difference.
    pub fn bytes(&mut self, value: impl AsRef<[u8]>) -> Result<&mut Self, StoreError> {
        let value = value.as_ref();
        let len = u32::try_from(value.len()).map_err(unwritable)?;
        // As text, whatever it is: the server's decoder knows no other bytes.
        encode::write_str_len(&mut self.bytes, len).map_err(unwritable)?;
        self.bytes.extend_from_slice(value);
        Ok(self.added())
    }

    /// A number, if there is one.
    pub fn maybe_number(&mut self, value: Option<u64>) -> Result<&mut Self, StoreError> {
        match value {
            Some(value) => self.number(value),
            None => self.flag(false),
        }
    }

    /// Bytes, if there are any.
    pub fn maybe_bytes(&mut self, value: Option<impl AsRef<[u8]>>) -> Result<&mut Self, StoreError> {
        match value {
            Some(value) => self.bytes(value),
            None => self.flag(false),
        }
    }

    fn added(&mut self) -> &mut Self {
        self.count += 1;
        self
    }
}

fn unwritable(problem: impl Display) -> StoreError {
    StoreError::not_executed(format!("a command for Redis cannot be put together: {problem}"))
}

/// Reads what the server said. Nothing of it is trusted: what is wrong is an error that says so.
#[derive(Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// At the start.
    pub fn new(bytes: &'a [u8]) -> Self {
        Reader { rest: bytes }
    }

    /// That nothing is left.
    pub fn finish(&self) -> Result<(), StoreError> {
        match self.rest.len() {
            0 => Ok(()),
            left => Err(unexpected(format_args!("{left} bytes too many"))),
        }
    }

    /// How many elements the array has that starts here.
    pub fn array(&mut self) -> Result<usize, StoreError> {
        let len = decode::read_array_len(&mut self.rest).map_err(unexpected)?;
        Ok(len as usize)
    }

    /// An array of exactly so many elements starts here.
    pub fn array_of(&mut self, expected: usize) -> Result<(), StoreError> {
        match self.array()? {
            len if len == expected => Ok(()),
            len => Err(unexpected(format_args!("{len} elements instead of {expected}"))),
        }
    }

    /// A whole number.
    pub fn number(&mut self) -> Result<u64, StoreError> {
        decode::read_int(&mut self.rest).map_err(unexpected)
    }

    /// A whole number of 32 bits.
    pub fn small_number(&mut self) -> Result<u32, StoreError> {
        u32::try_from(self.number()?).map_err(unexpected)
    }

    /// Any number: Lua writes whole ones as integers, and others as short as they can be.
    pub fn double(&mut self) -> Result<f64, StoreError> {
        match self.peek()? {
            Marker::F64 => decode::read_f64(&mut self.rest).map_err(unexpected),
            Marker::F32 => decode::read_f32(&mut self.rest).map(f64::from).map_err(unexpected),
            _ => Ok(self.number()? as f64),
        }
    }

    /// Yes or no.
    pub fn flag(&mut self) -> Result<bool, StoreError> {
        decode::read_bool(&mut self.rest).map_err(unexpected)
    }

    /// Some bytes.
    pub fn bytes(&mut self) -> Result<&'a [u8], StoreError> {
        let len = decode::read_str_len(&mut self.rest).map_err(unexpected)?;
        let Some((bytes, rest)) = self.rest.split_at_checked(len as usize) else {
            return Err(unexpected(format_args!("{} bytes instead of {len}", self.rest.len())));
        };
        self.rest = rest;
        Ok(bytes)
    }

    /// Some text.
    pub fn text(&mut self) -> Result<&'a str, StoreError> {
        std::str::from_utf8(self.bytes()?).map_err(unexpected)
    }

    /// An id of 16 bytes.
    pub fn id(&mut self) -> Result<[u8; 16], StoreError> {
        let bytes = self.bytes()?;
        bytes.try_into().map_err(|_| unexpected(format_args!("an id of {} bytes", bytes.len())))
    }

    /// What `read` reads, if it is there.
    pub fn maybe<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T, StoreError>) -> Result<Option<T>, StoreError> {
        if self.peek()? == Marker::False {
            return self.flag().map(|_| None);
        }
        read(self).map(Some)
    }

    fn peek(&self) -> Result<Marker, StoreError> {
        let byte = self.rest.first();
        byte.map(|byte| Marker::from_u8(*byte)).ok_or_else(|| unexpected("its end"))
    }
}

/// The command was carried out, as far as anybody knows, but nobody knows how it went.
pub fn unexpected(problem: impl Display) -> StoreError {
    StoreError::unknown(format!("Redis gave an answer that is none: {problem}"))
}
