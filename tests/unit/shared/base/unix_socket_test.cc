#include "shared/base/unix_socket.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <thread>

#include "shared/base/limits.h"
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
  auto server = AcceptUnix(pair.listener.get());
  PERIGEE_ASSERT(server.ok());
  pair.server = *std::move(server);
  return pair;
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
