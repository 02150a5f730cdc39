// SPDX-License-Identifier: BSD-3-Clause
//
// The C++ binding at two daemons, for tests/integ/bindings_test.py: owners, results and errors, and
// that no message costs an allocation.
//
//     cpp_client SOCKET SOCKET
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <new>
#include <peal/peal.hpp>
#include <string>
#include <type_traits>

using libpeal::event_kind;
using libpeal::result;

static_assert(!std::is_copy_constructible_v<libpeal::session>);
static_assert(!std::is_copy_constructible_v<libpeal::channel>);
static_assert(!std::is_copy_constructible_v<libpeal::group>);
static_assert(std::is_nothrow_move_assignable_v<libpeal::session>);
static_assert(std::is_nothrow_move_assignable_v<libpeal::channel>);
static_assert(std::is_nothrow_move_assignable_v<libpeal::group>);

namespace
{

constexpr std::uint16_t number = 12;
constexpr int messages_count = 2000;
std::size_t allocations_count;

void
expect(bool is_so, const char *what)
{
	if (!is_so) {
		std::cout << "cpp_client: " << what << std::endl;
		std::exit(1);
	}
}

// The next event of a kind; others are passed over. Five seconds without any are a failure.
void
await(libpeal::session &session, libpeal::event &event, event_kind kind)
{
	for (;;) {
		result value = session.poll(event);

		while (value == result::empty) {
			const result waited = session.wait(std::chrono::seconds(5));

			expect(waited == result::ok, libpeal::name_of(waited));
			value = session.poll(event);
		}
		expect(value == result::ok, libpeal::name_of(value));
		if (event.kind() == kind) {
			return;
		}
	}
}

void
check_nothing()
{
	libpeal::session none;
	libpeal::channel channel;
	libpeal::group group;
	libpeal::order_group order;
	libpeal::event event;

	expect(none.open_order(1, order) == result::closed && !order && order.view() == nullptr &&
			order.send("x") == result::closed && order.close() == result::closed &&
			none.order_size_max() == 0,
		"no order is not closed");
	expect(!none && !channel && none.fd() == -1 && none.view().size() == 0, "there is nothing");
	expect(none.poll(event) == result::closed && channel.send("x") == result::closed &&
			none.open(1, number, channel) == result::closed &&
			none.join("cpp", group) == result::closed && !group &&
			group.view() == nullptr && group.send("x") == result::closed,
		"nothing is not closed");
	try {
		libpeal::session nobody("/nonexistent", "cpp");
		expect(false, "nobody answered");
	} catch (const std::system_error &error) {
		expect(error.code() == result::no_daemon &&
				error.code().category() == libpeal::category() &&
				std::strstr(error.what(), "/nonexistent") != nullptr,
			error.what());
	}
	expect(libpeal::session::attach("/nonexistent", "cpp", none) == result::no_daemon && !none,
		"nobody answered without a throw");
}

void
await_two(libpeal::session &session)
{
	libpeal::event event;

	while (session.view().size() != 2) {
		await(session, event, event_kind::view);
	}
}

// There and back, in place and by copy.
void
talk(libpeal::session &near, libpeal::session &far, libpeal::channel &there, libpeal::channel &here)
{
	const std::string text(1500, 'x');
	const std::size_t before_count = allocations_count;
	libpeal::event event;

	for (int i = 0; i < messages_count; i++) {
		void *room;

		expect(there.claim(8, room) == result::ok, "no room");
		std::memcpy(room, &i, sizeof(i));
		near.commit(sizeof(i));
		near.flush();
		await(far, event, event_kind::message);
		expect(event.bytes().size() == sizeof(i) &&
				std::memcmp(event.bytes().data(), &i, sizeof(i)) == 0 &&
				event.channel() == here.id(),
			"a message is another");
		expect(far.reply(event, text) == result::ok, "no answer");
		await(near, event, event_kind::message);
		expect(event.bytes() == text, "an answer is another");
	}
	expect(allocations_count == before_count, "messages cost allocations");
}

// One asks, the other answers, or does not.
void
ask(libpeal::session &near, libpeal::session &far)
{
	const std::uint64_t member = far.view().self();
	libpeal::question what(30, std::chrono::seconds(20));
	libpeal::event event;
	std::uint64_t request = 0;

	expect(near.ask(what.of(&member, 1).wanted(1), "what?", request) == result::ok,
		"not asked");
	await(far, event, event_kind::request);
	expect(event.bytes() == "what?" && event.number() == 30 &&
			far.answer(event.request(), "that") == result::ok,
		"not answered");
	await(near, event, event_kind::reply);
	expect(event.bytes() == "that" && event.member() == member && event.request() == request,
		"another answer");
	await(near, event, event_kind::done);
	expect(event.outcome() == result::ok && event.request() == request, "not done");
	// All, of whom this node itself does not serve.
	expect(near.ask(libpeal::question(30).wanted_all(), "and?", request) == result::ok,
		"not asked");
	await(near, event, event_kind::done);
	expect(event.outcome() == result::too_few, libpeal::name_of(event.outcome()));
	await(far, event, event_kind::request);
	expect(far.refuse(event.request()) == result::ok, "not refused");
	expect(near.ask(what.wanted_majority().for_ever(), "gone", request) == result::ok &&
			near.cancel(request) == result::ok &&
			near.cancel(request) == result::closed,
		"not forgotten");
	await(far, event, event_kind::request);
	expect(far.unserve(30) == result::ok, "still served");
	while (near.late_count() < 1) {
		(void)near.poll(event);
	}
}

bool
is_same(const peal_group_member &one, const peal_group_member &other)
{
	return one.member == other.member && one.client == other.client;
}

// Both see the same two, in the order in which they came.
void
compare(const libpeal::group &here, const libpeal::group &there)
{
	const struct peal_group_view *mine = here.view();
	const struct peal_group_view *theirs = there.view();

	expect(mine != nullptr && theirs != nullptr && mine->members_count == 2 &&
			theirs->members_count == 2 && std::strcmp(mine->name, "cpp") == 0,
		"not two in a group");
	expect(mine->epoch == theirs->epoch && mine->n == theirs->n &&
			is_same(mine->members[0], theirs->members[0]) &&
			is_same(mine->members[1], theirs->members[1]),
		"two views");
	expect(is_same(theirs->self, mine->members[0]) && is_same(mine->self, mine->members[1]),
		"another order than that of coming");
}

// A process group of both: one view, messages for both, and how one of them leaves.
void
share(libpeal::session &near, libpeal::session &far)
{
	libpeal::group first, here, there;
	libpeal::event event;
	void *room;

	expect(near.join("a b", here) == result::bad_name && !here, "a bad name");
	expect(near.join_by("cpp", 0, here) == result::bad_name && !here, "no order group");
	expect(far.join("cpp", there) == result::ok && there.view() == nullptr &&
			there.send("x") == result::not_in_view,
		"in before the first view");
	await(far, event, event_kind::group_view);
	expect(near.join("cpp", first) == result::ok, "not joined");
	here = std::move(first);
	expect(!first && first.view() == nullptr && here, "a group did not move");
	await(near, event, event_kind::group_view);
	expect(event.channel() == here.id(), "a view of another group");
	await(far, event, event_kind::group_joined);
	const struct peal_group_member mine = here.view()->self;

	expect(event.channel() == there.id() && event.member() == mine.member &&
			event.client() == mine.client,
		"who came?");
	compare(here, there);
	const std::size_t before_count = allocations_count;

	expect(here.send("copied") == result::ok && here.claim(7, room) == result::ok, "not sent");
	std::memcpy(room, "claimed", 7);
	near.commit(7);
	near.flush();
	for (const char *text : {"copied", "claimed"}) {
		for (libpeal::session *session : {&near, &far}) {
			await(*session, event, event_kind::group_message);
			expect(event.bytes() == text && event.member() == mine.member &&
					event.client() == mine.client &&
					event.epoch() == here.view()->epoch &&
					event.n() == here.view()->n,
				"another message");
		}
	}
	expect(allocations_count == before_count, "messages of a group cost allocations");
	const std::uint32_t id = here.id();

	{
		const libpeal::group last = std::move(here);
	}
	await(near, event, event_kind::group_ended);
	expect(event.channel() == id && event.why_group_ended() == PEAL_GROUP_END_LEFT &&
			event.lost_count() == 0,
		"not left");
	await(far, event, event_kind::group_gone);
	expect(event.member() == mine.member && event.client() == mine.client &&
			event.why_out() == PEAL_GROUP_LEFT && there.view()->members_count == 1,
		"who left?");
	expect(there.leave() == result::ok && !there && there.leave() == result::closed,
		"not left by the last");
	await(far, event, event_kind::group_ended);
}

// An order group of one rank, who says one thing after the other.
void
order(libpeal::session &near)
{
	struct peal_order_rank rank = {near.view().self(), "cpp"};
	libpeal::order_group first, group;
	libpeal::event event;
	void *room;

	expect(near.create_order(22, &rank, 2, first) == result::bad_name && !first, "two ranks");
	expect(near.create_order(22, &rank, 1, first) == result::ok && first.view() == nullptr &&
			first.send("x") == result::not_in_view,
		"open before the first view");
	group = std::move(first);
	expect(!first && group, "an order group did not move");
	await(near, event, event_kind::order_view);
	expect(event.channel() == group.id() && group.view()->group == 22 &&
			group.view()->ranks_count == 1 && group.view()->own_rank == 0 &&
			group.view()->ranks[0].member == rank.member,
		"another order group");
	std::uint64_t position = event.position();

	expect(group.send("copied") == result::ok && group.claim(7, room) == result::ok, "not sent");
	std::memcpy(room, "claimed", 7);
	near.commit(7);
	near.flush();
	for (const char *text : {"copied", "claimed"}) {
		await(near, event, event_kind::ordered);
		expect(event.bytes() == text && event.member() == rank.member &&
				event.position() > position,
			"another message, or out of order");
		position = event.position();
	}
	const std::uint32_t id = group.id();

	expect(group.close() == result::ok && !group, "not closed");
	await(near, event, event_kind::order_ended);
	expect(event.channel() == id && event.why_order_ended() == PEAL_ORDER_END_CLOSED &&
			event.lost_count() == 0,
		"closed otherwise");
}

void
run(const char *near_path, const char *far_path)
{
	libpeal::session first(near_path, "cpp-near"), far(far_path, "cpp-far");
	libpeal::event event;
	libpeal::channel there, here;

	expect(far.listen(number) == result::ok && far.serve(30) == result::ok &&
			far.hear(true) == result::ok,
		"not heard");
	await_two(first);
	await_two(far);
	libpeal::session near = std::move(first);

	expect(!first && near && first.state() == result::closed && near.state() == result::ok,
		"a session did not move");
	expect(near.membership() == near.view().epoch(), "a member is none");
	expect(near.open(999, number, there) == result::not_in_view && !there, "999 was opened");
	expect(near.open(far.view().self(), number, there) == result::ok &&
			there.send("first") == result::ok,
		"not opened");
	await(far, event, event_kind::opened);
	expect(event.number() == number && event.member() == near.view().self(), "by whom?");
	here = far.accept(event);
	await(far, event, event_kind::message);
	expect(event.bytes() == "first", "the first message is another");
	talk(near, far, there, here);
	ask(near, far);
	share(near, far);
	order(near);
	expect(near.send_to_all("all") == result::ok, "not sent to all");
	await(far, event, event_kind::cast);
	expect(event.bytes() == "all" && event.member() == near.view().self(), "another cast");
	{
		const libpeal::channel last = std::move(there);
	}
	await(far, event, event_kind::finished);
	expect(here.close() == result::ok && !here, "not closed");
	await(near, event, event_kind::ended);
	expect(event.why_ended() == PEAL_REASON_ORDERLY && event.lost_count() == 0, "not in order");
	// Who listens is asked with the first message.
	expect(near.open(far.view().self(), number + 1, there) == result::ok &&
			there.send("anybody?") == result::ok,
		"not opened");
	await(near, event, event_kind::ended);
	expect(event.why_ended() == PEAL_REASON_UNKNOWN && event.channel() == there.id(),
		"somebody listened");
	there.forget();
	near = libpeal::session();
	expect(!near, "a session did not end");
}

} // namespace

void *
operator new(std::size_t size)
{
	void *memory = std::malloc(size);

	allocations_count++;
	if (memory == nullptr) {
		throw std::bad_alloc();
	}
	return memory;
}

void
operator delete(void *memory) noexcept
{
	std::free(memory);
}

void
operator delete(void *memory, std::size_t) noexcept
{
	std::free(memory);
}

int
main(int argc, char **argv)
{
	if (argc != 3) {
		std::cerr << "usage: cpp_client SOCKET SOCKET" << std::endl;
		return 2;
	}
	check_nothing();
	run(argv[1], argv[2]);
	std::cout << messages_count << " messages each way, no allocation" << std::endl;
}
