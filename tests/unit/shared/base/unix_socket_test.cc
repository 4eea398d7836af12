#include "shared/base/unix_socket.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <thread>
#include <vector>

#include "shared/base/limits.h"
#include "shared/base/status.h"
#include "tests/unit/shared/base/temporary_directory.h"

namespace perigee {
namespace {

constexpr absl::Duration kLong = absl::Seconds(10);

struct Pair {
  Fd listener, client, server;
};

Pair Connected(const std::string& path) {
  Pair pair;
  auto listener = ListenUnix(path, 0600);
  PERIGEE_ASSERT(listener.ok());
  pair.listener = *std::move(listener);
  auto client = ConnectUnix(path);
  PERIGEE_ASSERT(client.ok());
  pair.client = *std::move(client);
  SpareDescriptor spare;
  auto server = AcceptUnix(pair.listener.get(), spare);
  PERIGEE_ASSERT(server.ok());
  pair.server = *std::move(server);
  return pair;
}

// No further descriptor can be had while it lives.
class NoDescriptors {
 public:
  NoDescriptors() {
    PERIGEE_ASSERT(getrlimit(RLIMIT_NOFILE, &before_) == 0);
    const int lowest = dup(0);
    close(lowest);
    const rlimit none{static_cast<rlim_t>(lowest), before_.rlim_max};
    PERIGEE_ASSERT(lowest > 0 && setrlimit(RLIMIT_NOFILE, &none) == 0);
  }
  ~NoDescriptors() { PERIGEE_ASSERT(setrlimit(RLIMIT_NOFILE, &before_) == 0); }

 private:
  rlimit before_{};
};

TEST(UnixSocket, OutOfDescriptorsItRefusesOneAtATimeAndGoesOnLater) {
  const TemporaryDirectory directory;
  const Fd listener = *ListenUnix(directory / "s", 0600);
  const Fd first = *ConnectUnix(directory / "s");
  const Fd second = *ConnectUnix(directory / "s");
  SpareDescriptor spare;
  pollfd waiting{listener.get(), POLLIN, 0};
  {
    const NoDescriptors none;
    for (const Fd* client : {&first, &second}) {
      EXPECT_EQ(poll(&waiting, 1, 0), 1);
      EXPECT_FALSE(AcceptUnix(listener.get(), spare).ok());
      EXPECT_TRUE(absl::IsUnavailable(ReceivePacket(client->get(), kLong).status())) << "it need not wait";
    }
    EXPECT_EQ(poll(&waiting, 1, 0), 0) << "nothing is left that would wake a loop for ever";
  }
  const Fd third = *ConnectUnix(directory / "s");
  EXPECT_TRUE(AcceptUnix(listener.get(), spare).ok());
}

TEST(UnixSocket, AHungServerHoldsUpNobodyWhoConnects) {
  const TemporaryDirectory directory;
  const Fd listener = *ListenUnix(directory / "s", 0600);
  ASSERT_EQ(listen(listener.get(), 0), 0);
  std::vector<Fd> waiting;
  absl::Status status;
  while (status.ok() && waiting.size() < 100) {
    auto client = ConnectUnix(directory / "s");
    status = client.status();
    if (client.ok()) waiting.push_back(*std::move(client));
  }
  EXPECT_FALSE(status.ok());
}

TEST(UnixSocket, PacketsOfAllSizesStayWhole) {
  const TemporaryDirectory directory;
  const Pair pair = Connected(directory / "s");
  const size_t sizes[] = {1, 64 << 10, (64 << 10) + 1, 1 << 20, limits::kLocalPacketBytes};
  for (const size_t size : sizes) {
    const std::string packet(size, 'p');
    ASSERT_TRUE(SendPacket(pair.client.get(), packet, kLong).ok()) << size;
    ASSERT_TRUE(SendPacket(pair.client.get(), "next", kLong).ok());
    EXPECT_EQ(*ReceivePacket(pair.server.get(), kLong), packet);
    EXPECT_EQ(*ReceivePacket(pair.server.get(), kLong), "next");
  }
}

TEST(UnixSocket, RefusesEmptyAndTooLarge) {
  const TemporaryDirectory directory;
  const Pair pair = Connected(directory / "s");
  EXPECT_EQ(SendPacket(pair.client.get(), "", kLong).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(SendPacket(pair.client.get(), std::string(limits::kLocalPacketBytes + 1, 'x'), kLong).code(),
            absl::StatusCode::kResourceExhausted);
}

TEST(UnixSocket, SilenceFullnessAndGoneAreTold) {
  const TemporaryDirectory directory;
  Pair pair = Connected(directory / "s");
  EXPECT_EQ(ReceivePacket(pair.server.get(), absl::Milliseconds(5)).status().code(),
            absl::StatusCode::kDeadlineExceeded);
  absl::Status status;
  const std::string packet(32 << 10, 'x');
  for (int i = 0; i < 10'000 && status.ok(); ++i)
    status = SendPacket(pair.client.get(), packet, absl::Milliseconds(5));
  EXPECT_EQ(status.code(), absl::StatusCode::kDeadlineExceeded);
  pair.server = Fd();
  EXPECT_EQ(SendPacket(pair.client.get(), packet, kLong).code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(ReceivePacket(pair.client.get(), kLong).status().code(), absl::StatusCode::kUnavailable);
}

TEST(UnixSocket, PeerIsWhoItIs) {
  const TemporaryDirectory directory;
  const Pair pair = Connected(directory / "s");
  const auto peer = PeerOf(pair.server.get());
  ASSERT_TRUE(peer.ok());
  EXPECT_EQ(peer->pid, getpid());
  EXPECT_EQ(peer->uid, geteuid());
  EXPECT_EQ(peer->gid, getegid());
}

TEST(UnixSocket, StaleIsReplacedLivingIsNot) {
  const TemporaryDirectory directory;
  {
    const auto stale = ListenUnix(directory / "s", 0600);
  }
  ASSERT_TRUE(FileExists(directory / "s"));
  const auto listener = ListenUnix(directory / "s", 0666);
  ASSERT_TRUE(listener.ok()) << listener.status();
  struct stat found{};
  ASSERT_EQ(stat((directory / "s").c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 0777, 0666u);
  EXPECT_EQ(ListenUnix(directory / "s", 0600).status().code(), absl::StatusCode::kAlreadyExists);
  ASSERT_TRUE(WriteFileAtomically(directory / "file", "x", 0600).ok());
  EXPECT_EQ(ListenUnix(directory / "file", 0600).status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(ConnectUnix(directory / "none").status().code(), absl::StatusCode::kNotFound);
}

TEST(UnixSocket, LongPathsWork) {
  const TemporaryDirectory directory;
  const std::string deep =
      absl::StrCat(directory.path(), "/", std::string(80, 'd'), "/", std::string(80, 'e'));
  ASSERT_TRUE(EnsureDirectory(deep, 0700).ok());
  const Pair pair = Connected(deep + "/launcher.sock");
  ASSERT_TRUE(SendPacket(pair.server.get(), "hello", kLong).ok());
  EXPECT_EQ(*ReceivePacket(pair.client.get(), kLong), "hello");
  EXPECT_TRUE(FileExists(deep + "/launcher.sock"));
  EXPECT_EQ(ListenUnix(absl::StrCat(deep, "/", std::string(120, 'f')), 0600).status().code(),
            absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace perigee
