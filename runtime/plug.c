/* SPDX-License-Identifier: BSD-3-Clause */
#include "runtime/plug.h"

#include <rte_dev.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <stdio.h>

static const char *
bus_of(const char *device)
{
	return peal_eal_is_pci(device) ? "pci" : "vdev";
}

bool
peal_plug_in(
	struct peal_plug *plug, const struct peal_eal_config *config, struct peal_sentence *error)
{
	char args[PEAL_EAL_DEVICE_ARGS_SIZE_MAX];
	uint16_t port_id;
	int result;

	*plug = (struct peal_plug){.is_plugged_in = false};
	if (rte_eth_dev_get_port_by_name(config->device, &port_id) == 0) {
		return config->device_args[0] == '\0' ||
		       peal_sentence_set(error,
			       "device_args: this process has a device %s already, which cannot be "
			       "told them any more; leave them out, or name another device",
			       config->device);
	}
	peal_eal_write_device_args(config, args, sizeof(args));
	result = rte_eal_hotplug_add(bus_of(config->device), config->device, args);
	if (result != 0) {
		return peal_sentence_set(error,
			"device %s could not be added to this process (%s); look at device and "
			"device_args, that its driver is there, and that the interface exists",
			config->device, rte_strerror(-result));
	}
	plug->is_plugged_in = true;
	(void)snprintf(plug->device, sizeof(plug->device), "%s", config->device);
	return true;
}

void
peal_plug_out(struct peal_plug *plug)
{
	if (plug->is_plugged_in) {
		(void)rte_eal_hotplug_remove(bus_of(plug->device), plug->device);
		plug->is_plugged_in = false;
	}
}
