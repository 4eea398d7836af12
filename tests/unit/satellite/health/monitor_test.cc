#include "satellite/health/monitor.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "satellite/runtime/fake_runtime.h"
#include "shared/base/files.h"
#include "shared/base/wakeup.h"

namespace perigee::satellite {
namespace {

// Answers every connection with `answer` (empty: never), until destroyed.
class Server {
 public:
  explicit Server(std::string answer) : answer_(std::move(answer)) {
    listener_ = Fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    EXPECT_EQ(bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(listen(listener_.get(), 64), 0);
    getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    stop_ = Fd(eventfd(0, EFD_CLOEXEC));
    thread_ = std::thread([this] { Run(); });
  }
  ~Server() {
    const uint64_t one = 1;
    EXPECT_EQ(write(stop_.get(), &one, sizeof(one)), static_cast<ssize_t>(sizeof(one)));
    thread_.join();
  }
  int port() const { return port_; }

 private:
  void Run() {
    std::vector<Fd> silent;
    while (true) {
      pollfd fds[] = {{listener_.get(), POLLIN, 0}, {stop_.get(), POLLIN, 0}};
      poll(fds, 2, -1);
      if (fds[1].revents != 0) return;
      Fd connection(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      if (!connection.valid()) continue;
      if (answer_.empty()) {
        silent.push_back(std::move(connection));
        continue;
      }
      char request[4096];
      (void)!read(connection.get(), request, sizeof(request));
      (void)!write(connection.get(), answer_.data(), answer_.size());
    }
  }

  const std::string answer_;
  Fd listener_, stop_;
  int port_ = 0;
  std::thread thread_;
};

ProbeSpec Asking(ProbeTarget::Kind kind, int port) {
  ProbeSpec spec;
  spec.target.kind = kind;
  spec.target.host = "127.0.0.1";
  spec.target.port = port;
  spec.target.path = "/healthz";
  spec.period = absl::Milliseconds(50);
  spec.timeout = absl::Milliseconds(200);
  return spec;
}

ProbeSpec Running(std::vector<std::string> command) {
  ProbeSpec spec = Asking(ProbeTarget::Kind::kExec, 0);
  spec.target.command = std::move(command);
  spec.timeout = absl::Seconds(5);
  return spec;
}

class MonitorTest : public ::testing::Test {
 protected:
  // Waits until the view of `id` satisfies `wanted`.
  template <typename Wanted>
  bool Await(const std::string& id, Wanted wanted) {
    for (int i = 0; i < 1000; ++i) {
      auto views = monitor_.Views();
      if (views.contains(id) && wanted(views.at(id))) return true;
      changed_.WaitFor(absl::Milliseconds(10));
    }
    return false;
  }

  // A replica in which commands can be run.
  void Start(const std::string& id) {
    StartRequest request;
    request.id = id;
    request.entry_sha256 = std::string(64, 'a');
    request.command = {"/bin/program"};
    request.log_dir = "/var/log/" + id;
    ASSERT_TRUE(runtime_.Start(request).ok());
  }

  Wakeup changed_;
  FakeRuntime runtime_{SystemClock()};
  HealthMonitor monitor_{SystemClock(), [this] { changed_.Notify(); }, runtime_};
};

TEST_F(MonitorTest, HttpTcpAndExecPass) {
  Server http("HTTP/1.1 204 No Content\r\n\r\n");
  const auto ready = [](const HealthView& view) { return view.ready; };
  monitor_.Watch("http", "1", {{ProbeRole::kReadiness, Asking(ProbeTarget::Kind::kHttp, http.port())}});
  monitor_.Watch("tcp", "1", {{ProbeRole::kReadiness, Asking(ProbeTarget::Kind::kTcp, http.port())}});
  Start("exec");
  monitor_.Watch("exec", "1", {{ProbeRole::kReadiness, Running({"/bin/true"})}});
  EXPECT_TRUE(Await("http", ready));
  EXPECT_TRUE(Await("tcp", ready));
  EXPECT_TRUE(Await("exec", ready));
}

struct FailureCase {
  std::string name;
  std::string answer;
  std::string message;
};

class HttpFailure : public MonitorTest, public ::testing::WithParamInterface<FailureCase> {};

TEST_P(HttpFailure, SaysWhy) {
  Server server(GetParam().answer);
  monitor_.Watch("a", "1", {{ProbeRole::kReadiness, Asking(ProbeTarget::Kind::kHttp, server.port())}});
  EXPECT_TRUE(Await("a", [](const HealthView& view) {
    return !view.ready && view.message.find(GetParam().message) != std::string::npos;
  })) << monitor_.Views()["a"].message;
}

INSTANTIATE_TEST_SUITE_P(
    Answers, HttpFailure,
    ::testing::Values(FailureCase{"Status500", "HTTP/1.1 500 Oops\r\n\r\n", "HTTP status 500"},
                      FailureCase{"NotHttp", "SSH-2.0-OpenSSH_9.2p1 Debian\r\n", "not HTTP"},
                      FailureCase{"EndlessLine", std::string(600, 'x'), "not HTTP"},
                      FailureCase{"Silence", "", "no answer within"}),
    [](const auto& info) { return info.param.name; });

TEST_F(MonitorTest, ExecSaysCodeAndMissingProgram) {
  for (const char* id : {"code", "missing", "signal"}) Start(id);
  runtime_.AnswerExec({"/bin/false"}, ExecOutcome{{Exit::Kind::kCode, 1}});
  runtime_.AnswerExec({"/bin/crash"}, ExecOutcome{{Exit::Kind::kSignal, 11}});
  runtime_.FailToStart("/no/such/program", ENOENT);
  monitor_.Watch("signal", "1", {{ProbeRole::kLiveness, Running({"/bin/crash"})}});
  EXPECT_TRUE(Await("signal", [](const HealthView& view) {
    return !view.alive && view.message == "liveness probe: the command was ended by signal 11";
  }));
  monitor_.Watch("code", "1", {{ProbeRole::kLiveness, Running({"/bin/false"})}});
  monitor_.Watch("missing", "1", {{ProbeRole::kLiveness, Running({"/no/such/program"})}});
  EXPECT_TRUE(Await("code", [](const HealthView& view) {
    return !view.alive && view.message == "liveness probe: the command ended with code 1";
  }));
  EXPECT_TRUE(Await("missing", [](const HealthView& view) {
    return !view.alive && view.message.find("/no/such/program") != std::string::npos;
  }));
}

TEST_F(MonitorTest, ExecThatHangsIsEnded) {
  ProbeSpec spec = Running({"/bin/sleep", "1000"});
  spec.timeout = absl::Milliseconds(50);
  Start("a");
  runtime_.AnswerExec(spec.target.command, ExecOutcome{{Exit::Kind::kSignal, 9}, true});
  monitor_.Watch("a", "1", {{ProbeRole::kLiveness, spec}});
  EXPECT_TRUE(Await("a", [](const HealthView& view) {
    return !view.alive && view.message == "liveness probe: no answer within 50ms";
  }));
  EXPECT_EQ(runtime_.LastExec("a").timeout, spec.timeout);
}

// That it could not be asked says nothing about the replica: nobody is ended for it.
TEST_F(MonitorTest, ExecThatCannotBeRunIsUnknown) {
  Start("a");
  Start("b");
  runtime_.AnswerExec({"/bin/old"}, absl::UnimplementedError("this shim does not know the request exec"));
  runtime_.AnswerExec({"/bin/busy"}, absl::UnavailableError("the launcher does not answer"));
  monitor_.Watch("a", "1", {{ProbeRole::kLiveness, Running({"/bin/old"})}});
  monitor_.Watch("b", "1", {{ProbeRole::kReadiness, Running({"/bin/busy"})}},
                 RecalledHealth{.started = true, .ready = true});
  EXPECT_TRUE(Await("a", [](const HealthView& view) {
    return view.message.find("restart the launcher, then the replica") != std::string::npos;
  }));
  EXPECT_TRUE(Await("b", [](const HealthView& view) {
    return view.message.find("the launcher does not answer") != std::string::npos;
  }));
  // More often than a failing probe would need.
  const auto times = [&] { return runtime_.execs("a") > 10 && runtime_.execs("b") > 10; };
  for (int i = 0; i < 1000 && !times(); ++i) changed_.WaitFor(absl::Milliseconds(10));
  EXPECT_TRUE(times());
  EXPECT_TRUE(monitor_.Views()["a"].alive);
  EXPECT_TRUE(monitor_.Views()["b"].ready);
}

TEST_F(MonitorTest, ExecGetsTheEnvironment) {
  ProbeSpec spec = Running({"/usr/bin/printenv", "PERIGEE_REPLICA"});
  spec.target.env = {"COLOUR=blue"};
  Start("a");
  monitor_.Watch("a", "1", {{ProbeRole::kReadiness, spec}});
  EXPECT_TRUE(Await("a", [](const HealthView& view) { return view.ready; }));
  EXPECT_EQ(runtime_.LastExec("a").env, spec.target.env);
  EXPECT_EQ(runtime_.LastExec("a").command, spec.target.command);
}

TEST_F(MonitorTest, ManySilentServersDoNotDelayOthers) {
  Server silent("");
  Server fast("HTTP/1.1 200 OK\r\n\r\n");
  for (int i = 0; i < 200; ++i) {
    ProbeSpec spec = Asking(ProbeTarget::Kind::kHttp, silent.port());
    spec.timeout = absl::Seconds(30);
    monitor_.Watch("silent-" + std::to_string(i), "1", {{ProbeRole::kReadiness, spec}});
  }
  monitor_.Watch("fast", "1", {{ProbeRole::kReadiness, Asking(ProbeTarget::Kind::kHttp, fast.port())}});
  EXPECT_TRUE(Await("fast", [](const HealthView& view) { return view.ready; }));
}

TEST_F(MonitorTest, AnotherRunBeginsAnewAndForgottenOnesGo) {
  Server server("HTTP/1.1 200 OK\r\n\r\n");
  monitor_.Watch("a", "1", {{ProbeRole::kReadiness, Asking(ProbeTarget::Kind::kTcp, server.port())}});
  ASSERT_TRUE(Await("a", [](const HealthView& view) { return view.ready; }));
  monitor_.Watch("a", "2", {{ProbeRole::kReadiness, Running({"/bin/false"})}});
  EXPECT_FALSE(monitor_.Views().at("a").ready);
  monitor_.Forget("a");
  EXPECT_FALSE(monitor_.Views().contains("a"));
}

}  // namespace
}  // namespace perigee::satellite
