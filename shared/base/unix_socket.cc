#include "shared/base/unix_socket.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>

#include "shared/base/limits.h"
#include "shared/base/status.h"
#include "shared/base/wakeup.h"

namespace perigee {
namespace {

// A packet must fit the socket's buffer, which only root may raise beyond the
// system's maximum. Larger ones travel as a memory file's descriptor with one byte.
constexpr size_t kInlineBytes = 64 << 10;
constexpr char kInMemoryFile = 'M';

// An address, and the directory handle that it may point through.
struct Address {
  sockaddr_un name{};
  Fd directory;
};

absl::StatusOr<Address> AddressOf(const std::string& path) {
  Address address;
  address.name.sun_family = AF_UNIX;
  std::string reachable = path;
  if (path.size() >= sizeof address.name.sun_path) {
    const size_t slash = path.find_last_of('/');
    if (slash == std::string::npos) return absl::InvalidArgumentError("the name of a socket is too long");
    address.directory = Fd(open(path.substr(0, slash).c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!address.directory.valid())
      return ErrnoStatus(errno, absl::StrCat("opening the directory of ", path));
    reachable = absl::StrCat("/proc/self/fd/", address.directory.get(), path.substr(slash));
  }
  if (reachable.size() >= sizeof address.name.sun_path) {
    return absl::InvalidArgumentError(absl::StrCat("the last part of ", path, " is too long for a socket"));
  }
  std::memcpy(address.name.sun_path, reachable.c_str(), reachable.size() + 1);
  return address;
}

const sockaddr* Generic(const Address& address) {
  return reinterpret_cast<const sockaddr*>(&address.name);
}

// Never blocks: not in a connect either, to one that hangs and whose backlog is full.
absl::StatusOr<Fd> NewSocket() {
  Fd fd(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd.valid()) return ErrnoStatus(errno, "making a local socket");
  return fd;
}

class Deadline {
 public:
  explicit Deadline(absl::Duration timeout) : timeout_(timeout), start_(std::chrono::steady_clock::now()) {}
  absl::Duration Rest() const {
    return timeout_ - absl::FromChrono(std::chrono::steady_clock::now() - start_);
  }

 private:
  const absl::Duration timeout_;
  const std::chrono::steady_clock::time_point start_;
};

absl::Status WaitUntilReady(int socket, short events, const Deadline& deadline) {
  while (true) {
    pollfd wait{socket, events, 0};
    const int ready = poll(&wait, 1, PollTimeout(deadline.Rest()));
    if (ready > 0) return absl::OkStatus();  // errors and hang-ups show in the call that follows
    if (ready < 0 && errno != EINTR) return ErrnoStatus(errno, "waiting for a local socket");
    if (ready == 0 && deadline.Rest() <= absl::ZeroDuration()) {
      return absl::DeadlineExceededError("the other end of a local socket did not answer in time");
    }
  }
}

absl::Status PeerGone() {
  return absl::UnavailableError("the other end of a local socket has gone");
}

absl::StatusOr<Fd> ToMemoryFile(std::string_view packet) {
  Fd file(memfd_create("packet", MFD_CLOEXEC));
  if (!file.valid()) return ErrnoStatus(errno, "making a memory file for a packet");
  PERIGEE_RETURN_IF_ERROR(WriteAll(file.get(), packet, "a memory file for a packet"));
  return file;  // the receiver reads from its beginning, wherever it stands
}

absl::StatusOr<std::string> FromMemoryFile(int file) {
  std::string packet;
  char buffer[16 << 10];
  while (true) {
    const ssize_t got = pread(file, buffer, sizeof buffer, static_cast<off_t>(packet.size()));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return ErrnoStatus(errno, "reading a packet's memory file");
    if (got == 0) break;
    packet.append(buffer, static_cast<size_t>(got));
    if (packet.size() > limits::kLocalPacketBytes) {
      return absl::ResourceExhaustedError("a packet from a local socket is too large");
    }
  }
  return packet;
}

union DescriptorMessage {
  cmsghdr header;
  char bytes[CMSG_SPACE(sizeof(int))];
};

absl::Status SendMessage(int socket, std::string_view bytes, int descriptor, const Deadline& deadline) {
  iovec content{const_cast<char*>(bytes.data()), bytes.size()};
  msghdr message{};
  message.msg_iov = &content;
  message.msg_iovlen = 1;
  DescriptorMessage control{};
  if (descriptor >= 0) {
    message.msg_control = control.bytes;
    message.msg_controllen = sizeof control.bytes;
    cmsghdr* const header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(header), &descriptor, sizeof descriptor);
  }
  while (true) {
    if (sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0) return absl::OkStatus();
    if (errno == EAGAIN) {
      PERIGEE_RETURN_IF_ERROR(WaitUntilReady(socket, POLLOUT, deadline));
    } else if (errno == EPIPE || errno == ECONNRESET) {
      return PeerGone();
    } else if (errno != EINTR) {
      return ErrnoStatus(errno, "sending on a local socket");
    }
  }
}

// The one descriptor that came along, if any.
Fd TakeDescriptor(msghdr& message) {
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr; header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    int descriptor = -1;
    std::memcpy(&descriptor, CMSG_DATA(header), sizeof descriptor);
    return Fd(descriptor);
  }
  return Fd();
}

}  // namespace

absl::StatusOr<Fd> ListenUnix(const std::string& path, uint32_t mode) {
  if (ConnectUnix(path).ok()) {
    return absl::AlreadyExistsError(absl::StrCat("another process listens on ", path, ": stop it first"));
  }
  struct stat found;
  if (lstat(path.c_str(), &found) == 0) {
    if (!S_ISSOCK(found.st_mode)) {
      return absl::FailedPreconditionError(absl::StrCat(path, " is there and is not a socket: move it away"));
    }
    PERIGEE_RETURN_IF_ERROR(RemoveFile(path));
  }
  PERIGEE_ASSIGN_OR_RETURN(const Address address, AddressOf(path));
  PERIGEE_ASSIGN_OR_RETURN(Fd fd, NewSocket());
  // The file takes the socket's own mode (less the umask), so it is never open wider than it should be.
  if (fchmod(fd.get(), mode) != 0 || bind(fd.get(), Generic(address), sizeof address.name) != 0 ||
      chmod(address.name.sun_path, mode) != 0 || listen(fd.get(), SOMAXCONN) != 0) {
    return ErrnoStatus(errno, absl::StrCat("listening on ", path));
  }
  return fd;
}

absl::StatusOr<Fd> ConnectUnix(const std::string& path) {
  PERIGEE_ASSIGN_OR_RETURN(const Address address, AddressOf(path));
  PERIGEE_ASSIGN_OR_RETURN(Fd fd, NewSocket());
  if (connect(fd.get(), Generic(address), sizeof address.name) != 0) {
    return ErrnoStatus(errno, absl::StrCat("connecting to ", path));
  }
  return fd;
}

absl::StatusOr<Fd> AcceptUnix(int listener, SpareDescriptor& spare) {
  while (true) {
    Fd fd(accept4(listener, nullptr, nullptr, SOCK_CLOEXEC));
    if (fd.valid()) return fd;
    const int error = errno;
    if (error == EINTR || error == ECONNABORTED) continue;
    if (SpareDescriptor::Helps(error)) spare.RefuseOne(listener);
    return ErrnoStatus(error, "accepting on a local socket");
  }
}

absl::StatusOr<PeerCredentials> PeerOf(int socket) {
  ucred credentials{};
  socklen_t size = sizeof credentials;
  if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) {
    return ErrnoStatus(errno, "asking who is at the other end of a local socket");
  }
  return PeerCredentials{credentials.pid, credentials.uid, credentials.gid};
}

absl::Status SendPacket(int socket, std::string_view packet, absl::Duration timeout) {
  if (packet.empty())
    return absl::InvalidArgumentError("an empty packet would read as the end of the stream");
  if (packet.size() > limits::kLocalPacketBytes) {
    return absl::ResourceExhaustedError(absl::StrCat(
        "a packet of ", packet.size(), " bytes is over the limit of ", limits::kLocalPacketBytes));
  }
  const Deadline deadline(timeout);
  if (packet.size() <= kInlineBytes) return SendMessage(socket, packet, -1, deadline);
  PERIGEE_ASSIGN_OR_RETURN(const Fd file, ToMemoryFile(packet));
  return SendMessage(socket, std::string_view(&kInMemoryFile, 1), file.get(), deadline);
}

absl::StatusOr<std::string> ReceivePacket(int socket, absl::Duration timeout) {
  const Deadline deadline(timeout);
  std::string packet(kInlineBytes, '\0');
  iovec content{packet.data(), packet.size()};
  DescriptorMessage control{};
  msghdr message{};
  message.msg_iov = &content;
  message.msg_iovlen = 1;
  message.msg_control = control.bytes;
  message.msg_controllen = sizeof control.bytes;
  ssize_t got = -1;
  while (got < 0) {
    PERIGEE_RETURN_IF_ERROR(WaitUntilReady(socket, POLLIN, deadline));
    got = recvmsg(socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (got < 0 && (errno == ECONNRESET || errno == EPIPE)) return PeerGone();
    if (got < 0 && errno != EAGAIN && errno != EINTR)
      return ErrnoStatus(errno, "receiving on a local socket");
  }
  const Fd file = TakeDescriptor(message);
  if (got == 0) return PeerGone();
  if ((message.msg_flags & MSG_TRUNC) != 0) {
    return absl::ResourceExhaustedError("a packet from a local socket is too large");
  }
  if (file.valid()) return FromMemoryFile(file.get());
  packet.resize(static_cast<size_t>(got));
  return packet;
}

}  // namespace perigee
