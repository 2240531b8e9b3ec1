//! A Redis server of a test's own, and a connection that knows no more than the protocol.

use std::ffi::OsString;
use std::io::{BufRead as _, BufReader, Error, ErrorKind, Read as _, Result, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Long enough to be over only when something is broken.
const PATIENCE: Duration = Duration::from_secs(20);

/// A running server, on this machine only. Dropping it kills it and removes what it kept.
#[derive(Debug)]
pub struct Server {
    child: Child,
    port: u16,
    folder: PathBuf,
    options: Vec<String>,
}

impl Server {
    /// Starts one that keeps nothing, and waits until it answers.
    ///
    /// It is `redis-server`, or what `AIRLOCK_REDIS_SERVER` names.
    ///
    /// # Panics
    ///
    /// When there is no such program, or it does not answer.
    pub fn start() -> Self {
        Server::start_with(&[])
    }

    /// Starts one with further options.
    ///
    /// # Panics
    ///
    /// As [`start`](Server::start).
    pub fn start_with(options: &[&str]) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("airlock-redis-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a temporary folder");
        let options: Vec<String> = options.iter().map(|option| (*option).to_owned()).collect();
        // Somebody else may take the port between asking for a free one and using it.
        for port in std::iter::repeat_with(free_port).take(8) {
            if let Some(child) = run(port, &folder, &options) {
                return Server { child, port, folder, options };
            }
        }
        panic!("{:?} does not start", program());
    }

    /// Kills it, and starts it again where it was, without what it knew.
    ///
    /// # Panics
    ///
    /// As [`start`](Server::start).
    pub fn restart(&mut self) {
        self.kill();
        std::fs::remove_dir_all(&self.folder).and_then(|()| std::fs::create_dir(&self.folder)).expect("its own folder");
        self.start_again(&[]);
    }

    /// Kills it, and starts it again with whatever it has written down and further options. It may still be loading.
    ///
    /// # Panics
    ///
    /// As [`start`](Server::start).
    pub fn restart_with_data(&mut self, options: &[&str]) {
        self.kill();
        self.start_again(options);
    }

    /// Kills it. It can be started again.
    pub fn kill(&mut self) {
        // Fails when it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    fn start_again(&mut self, options: &[&str]) {
        let options: Vec<String> =
            self.options.iter().cloned().chain(options.iter().map(|option| (*option).to_owned())).collect();
        let again = (0..8).find_map(|_| run(self.port, &self.folder, &options));
        self.child = again.expect("it starts again");
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
        Connection::to(self.address())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn program() -> OsString {
    std::env::var_os("AIRLOCK_REDIS_SERVER").unwrap_or_else(|| "redis-server".into())
}

/// Starts a server, and waits until it answers. Nothing where it ends at once, as it does when the port is taken.
fn run(port: u16, folder: &Path, options: &[String]) -> Option<Child> {
    let mut command = Command::new(program());
    command.args(["--bind", "127.0.0.1", "--port", &port.to_string(), "--save", "", "--appendonly", "no"]);
    command.arg("--dir").arg(folder).args(options);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap_or_else(|error| panic!("{:?} is not installed: {error}", program()));
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline && child.try_wait().expect("its parent may ask").is_none() {
        if answers(port, &child, options).unwrap_or(false) {
            return Some(child);
        }
        thread::sleep(Duration::from_millis(5));
    }
    let _ = child.kill();
    let _ = child.wait();
    None
}

/// Whoever answers on this port while the child runs may still be another's server.
fn answers(port: u16, child: &Child, options: &[String]) -> Result<bool> {
    let mut connection = Connection::to((Ipv4Addr::LOCALHOST, port).into())?;
    if options.iter().any(|option| option == "--requirepass") {
        return Ok(true);
    }
    let Value::Text(info) = connection.call(&[b"INFO", b"server"])? else { return Ok(false) };
    let is_it = String::from_utf8_lossy(&info).contains(&format!("process_id:{}\r\n", child.id()));
    let is_ready = match connection.call(&[b"PING"])? {
        Value::Text(pong) => pong == b"PONG",
        Value::Error(why) => why.starts_with("LOADING"),
        _ => false,
    };
    Ok(is_it && is_ready)
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
    fn to(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Connection { stream: BufReader::with_capacity(1 << 16, stream), out: Vec::new() })
    }

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
