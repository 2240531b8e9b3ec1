//! A Redis server of a test's own, and a connection that knows no more than the protocol.

use std::io::{BufRead as _, BufReader, Error, ErrorKind, Read as _, Result, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Long enough to be over only when something is broken.
const PATIENCE: Duration = Duration::from_secs(20);

/// A running server, on this machine only, that keeps nothing. Dropping it kills it.
#[derive(Debug)]
pub struct Server {
    child: Child,
    port: u16,
    folder: PathBuf,
}

impl Server {
    /// Starts one, and waits until it answers.
    ///
    /// # Panics
    ///
    /// When there is no `redis-server`, or it does not answer.
    pub fn start() -> Self {
        Server::start_with(&[])
    }

    /// Starts one with further options.
    ///
    /// # Panics
    ///
    /// As [`start`](Server::start).
    pub fn start_with(options: &[&str]) -> Self {
        // Somebody else may take the port between asking for a free one and using it.
        for _ in 0..8 {
            if let Some(server) = Server::start_on(free_port(), options) {
                return server;
            }
        }
        panic!("redis-server does not start");
    }

    /// Kills it, and starts it again where it was, without what it knew.
    ///
    /// # Panics
    ///
    /// As [`start`](Server::start).
    pub fn restart(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let again = (0..8).find_map(|_| Server::start_on(self.port, &[]));
        *self = again.expect("redis-server starts again");
    }

    /// Sends it a signal, such as `STOP`.
    ///
    /// # Panics
    ///
    /// When there is no `kill`.
    pub fn signal(&self, signal: &str) {
        let sent = Command::new("kill").arg(format!("-{signal}")).arg(self.child.id().to_string()).status();
        assert!(sent.expect("kill is installed").success());
    }

    fn start_on(port: u16, options: &[&str]) -> Option<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("airlock-redis-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a temporary folder");
        let mut command = Command::new("redis-server");
        command.args(["--bind", "127.0.0.1", "--port", &port.to_string(), "--save", "", "--appendonly", "no"]);
        command.arg("--dir").arg(&folder).args(options);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().expect("redis-server is installed");
        let mut server = Server { child, port, folder };
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if server.child.try_wait().expect("its parent may ask").is_some() {
                return None;
            }
            // Whoever answers on this port while the child runs may still be another's server.
            if options.contains(&"--requirepass") && server.connect().is_ok() {
                return Some(server);
            }
            if let Ok(mut connection) = server.connect()
                && let Ok(Value::Text(info)) = connection.call(&[b"INFO", b"server"])
                && String::from_utf8_lossy(&info).contains(&format!("process_id:{}\r\n", server.child.id()))
                && connection.call(&[b"PING"]).is_ok_and(|pong| pong == Value::Text(b"PONG".to_vec()))
            {
                return Some(server);
            }
            thread::sleep(Duration::from_millis(5));
        }
        None
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    /// Its address as clients are told it.
    pub fn url(&self) -> String {
        format!("redis://{}", self.address())
    }

    /// The id of its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// A connection.
    ///
    /// # Errors
    ///
    /// When it does not listen.
    pub fn connect(&self) -> Result<Connection> {
        let stream = TcpStream::connect_timeout(&self.address(), PATIENCE)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Connection { stream: BufReader::with_capacity(1 << 16, stream), out: Vec::new() })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Fails when it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
    listener.local_addr().expect("it is bound").port()
}

/// A connection that waits for each answer, or reads them in order.
#[derive(Debug)]
pub struct Connection {
    stream: BufReader<TcpStream>,
    out: Vec<u8>,
}

/// What the server says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Nothing.
    Nil,
    /// A number.
    Number(i64),
    /// Bytes, or a status.
    Text(Vec<u8>),
    /// Some of them.
    List(Vec<Value>),
    /// What went wrong.
    Error(String),
}

impl Connection {
    /// One command and its answer.
    ///
    /// # Errors
    ///
    /// When the connection is lost.
    pub fn call(&mut self, arguments: &[&[u8]]) -> Result<Value> {
        self.push(arguments);
        self.flush()?;
        self.receive()
    }

    /// Keeps a command to be sent with the next ones.
    pub fn push(&mut self, arguments: &[&[u8]]) {
        self.out.extend_from_slice(format!("*{}\r\n", arguments.len()).as_bytes());
        for argument in arguments {
            self.out.extend_from_slice(format!("${}\r\n", argument.len()).as_bytes());
            self.out.extend_from_slice(argument);
            self.out.extend_from_slice(b"\r\n");
        }
    }

    /// Sends what was kept.
    ///
    /// # Errors
    ///
    /// When the connection is lost.
    pub fn flush(&mut self) -> Result<()> {
        let result = self.stream.get_mut().write_all(&self.out);
        self.out.clear();
        result
    }

    /// The next answer, or the next message.
    ///
    /// # Errors
    ///
    /// When the connection is lost, nothing comes, or it makes no sense.
    pub fn receive(&mut self) -> Result<Value> {
        let mut line = String::new();
        self.stream.read_line(&mut line)?;
        let nonsense = || Error::new(ErrorKind::InvalidData, format!("{line:?} is no answer of Redis"));
        let rest = line.get(1..).ok_or_else(nonsense)?.trim_end();
        let number = || rest.parse::<i64>().map_err(|_| nonsense());
        match line.as_bytes().first() {
            Some(b'+') => Ok(Value::Text(rest.into())),
            Some(b'-') => Ok(Value::Error(rest.to_owned())),
            Some(b':') => Ok(Value::Number(number()?)),
            Some(b'$') => match usize::try_from(number()?) {
                Err(_) => Ok(Value::Nil),
                Ok(length) => {
                    let mut bytes = vec![0; length + 2];
                    self.stream.read_exact(&mut bytes)?;
                    bytes.truncate(length);
                    Ok(Value::Text(bytes))
                }
            },
            Some(b'*') => match usize::try_from(number()?) {
                Err(_) => Ok(Value::Nil),
                Ok(length) => (0..length).map(|_| self.receive()).collect::<Result<_>>().map(Value::List),
            },
            _ => Err(nonsense()),
        }
    }
}

impl Value {
    /// The bytes, if that is what it is.
    pub fn text(&self) -> Option<&[u8]> {
        match self {
            Value::Text(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// The list, if that is what it is.
    pub fn list(&self) -> Option<&[Value]> {
        match self {
            Value::List(values) => Some(values),
            _ => None,
        }
    }

    /// The number, if that is what it is.
    pub fn number(&self) -> Option<i64> {
        match self {
            Value::Number(number) => Some(*number),
            _ => None,
        }
    }
}
