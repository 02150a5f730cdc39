// SPDX-License-Identifier: BSD-3-Clause
//
// Greets every member of the group over a channel of its own, and answers who greets.
//
//     greeting [SOCKET]      ends when it has had an answer of every other member that answers
//     greeting SOCKET stay   only answers, for ever
//
//     g++ -std=c++17 greeting.cc $(pkg-config --cflags --libs peal)
#include <iostream>
#include <map>
#include <peal/peal.hpp>
#include <stdexcept>
#include <string>

namespace
{

constexpr std::uint16_t number = 11;

void
greet_all(libpeal::session &session, std::map<std::uint32_t, libpeal::channel> &channels)
{
	const libpeal::view view = session.view();

	for (const peal_member &member : view) {
		libpeal::channel channel;

		// Who does not listen is told of as ended; who was just greeted is not greeted
		// again.
		if (member.member != view.self() &&
			session.open(member.member, number, channel) == libpeal::result::ok &&
			channel.send("hello") == libpeal::result::ok) {
			const std::uint32_t id = channel.id();

			channels[id] = std::move(channel);
		}
	}
}

void
run(const char *socket, bool is_staying)
{
	libpeal::session session(socket, "greeting");
	std::map<std::uint32_t, libpeal::channel> channels;
	libpeal::event event;

	if (const std::error_code code = session.listen(number)) {
		throw std::system_error(code);
	}
	for (;;) {
		if (const std::error_code code = session.next(event)) {
			throw std::system_error(code);
		}
		if (event.kind() == libpeal::event_kind::view && !is_staying) {
			greet_all(session, channels);
		} else if (event.kind() == libpeal::event_kind::opened) {
			channels[event.channel()] = session.accept(event);
		} else if (event.kind() == libpeal::event_kind::message &&
			   event.bytes() == "hello") {
			(void)session.reply(event, "hello yourself");
		} else if (event.kind() == libpeal::event_kind::message) {
			std::cout << event.member() << ": " << event.bytes() << std::endl;
			channels.erase(event.channel()); // which closes it
		} else if (event.kind() == libpeal::event_kind::finished) {
			channels.erase(event.channel());
		} else if (event.kind() == libpeal::event_kind::ended) {
			if (const auto found = channels.find(event.channel());
				found != channels.end()) {
				found->second.forget();
				channels.erase(found);
			}
			if (channels.empty() && !is_staying) {
				return;
			}
		}
	}
}

} // namespace

int
main(int argc, char **argv)
{
	try {
		run(argc > 1 ? argv[1] : nullptr, argc > 2);
	} catch (const std::system_error &error) {
		std::cerr << "greeting: " << error.what() << std::endl;
		return 1;
	}
}
