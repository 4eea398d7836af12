#include "satellite/agent/local_socket.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>

#include "satellite/shim/protocol.h"
#include "shared/base/process.h"
#include "shared/base/status.h"
#include "shared/base/unix_socket.h"

namespace perigee::satellite {
namespace {

constexpr absl::Duration kPatience = absl::Seconds(5);      // with a client
constexpr absl::Duration kAskPatience = absl::Seconds(30);  // with the agent

absl::StatusOr<Record> Ask(const std::string& data_dir, const Record& request) {
  auto socket = ConnectUnix(LocalSocketPath(data_dir));
  if (!socket.ok()) {
    return absl::UnavailableError(absl::StrCat("no agent runs on ", data_dir, " (", socket.status().message(),
                                               "); start it: perigee-satellite run --data-dir ", data_dir));
  }
  PERIGEE_RETURN_IF_ERROR(SendPacket(socket->get(), EncodeRecord(request), kPatience));
  PERIGEE_ASSIGN_OR_RETURN(std::string packet, ReceivePacket(socket->get(), kAskPatience));
  PERIGEE_ASSIGN_OR_RETURN(Record answer, DecodeRecord(packet));
  PERIGEE_RETURN_IF_ERROR(StatusOfAnswer(answer));
  return answer;
}

}  // namespace

std::string LocalSocketPath(const std::string& data_dir) {
  return data_dir + "/run/agent.sock";
}

absl::StatusOr<std::unique_ptr<LocalServer>> LocalServer::Start(const std::string& data_dir,
                                                                Handlers handlers) {
  PERIGEE_RETURN_IF_ERROR(EnsureDirectory(data_dir + "/run", 0700));
  PERIGEE_ASSIGN_OR_RETURN(Fd listener, ListenUnix(LocalSocketPath(data_dir), 0600));
  Fd stop(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!stop.valid()) return ErrnoStatus(errno, "eventfd");
  return std::unique_ptr<LocalServer>(
      new LocalServer(std::move(listener), std::move(stop), std::move(handlers)));
}

LocalServer::LocalServer(Fd listener, Fd stop, Handlers handlers)
    : listener_(std::move(listener)),
      stop_(std::move(stop)),
      handlers_(std::move(handlers)),
      thread_([this] { Run(); }) {}

LocalServer::~LocalServer() {
  const uint64_t one = 1;
  (void)!write(stop_.get(), &one, sizeof(one));
  thread_.join();
}

void LocalServer::Run() {
  NameThread("local");
  while (true) {
    pollfd fds[] = {{.fd = listener_.get(), .events = POLLIN, .revents = 0},
                    {.fd = stop_.get(), .events = POLLIN, .revents = 0}};
    if (poll(fds, 2, -1) < 0 && errno != EINTR) return;
    if (fds[1].revents != 0) return;
    if (fds[0].revents == 0) continue;
    auto socket = AcceptUnix(listener_.get(), spare_);
    if (socket.ok()) Serve(socket->get());
  }
}

void LocalServer::Serve(int socket) {
  auto peer = PeerOf(socket);
  if (!peer.ok() || (peer->uid != geteuid() && peer->uid != 0)) return;
  auto packet = ReceivePacket(socket, kPatience);
  if (!packet.ok()) return;
  auto request = DecodeRecord(*packet);
  Record answer;
  if (request.ok()) {
    answer = Answer(*request);
  } else {
    PutStatus(request.status(), answer);
  }
  (void)SendPacket(socket, EncodeRecord(answer), kPatience);  // who asked may have gone
}

Record LocalServer::Answer(const Record& request) {
  Record answer;
  auto op = request.find("op");
  if (op != request.end() && op->second == "status") {
    answer = EncodeView(handlers_.status());
    PutStatus(absl::OkStatus(), answer);
  } else if (op != request.end() && op->second == "restart" && request.contains("replica")) {
    PutStatus(handlers_.restart(request.at("replica")), answer);
  } else {
    PutStatus(absl::InvalidArgumentError("the agent does not know this request; are both of one version?"),
              answer);
  }
  return answer;
}

absl::StatusOr<LocalView> AskStatus(const std::string& data_dir) {
  PERIGEE_ASSIGN_OR_RETURN(Record answer, Ask(data_dir, {{"op", "status"}}));
  return DecodeView(answer);
}

absl::Status AskRestart(const std::string& data_dir, const std::string& replica_id) {
  return Ask(data_dir, {{"op", "restart"}, {"replica", replica_id}}).status();
}

}  // namespace perigee::satellite
