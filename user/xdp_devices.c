// SPDX-License-Identifier: GPL-2.0
/* What programs at XDP know of devices, which lies in struct slots, and of VLAN devices' tags. */
#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>

#include "tunnels.h"

int xdp_devices_get(const struct maps *maps, __u32 ifindex, struct xdp_device *device)
{
	struct slots *slots = slots_part_map(maps, 0);

	if (!slots)
		return -ENOMEM;
	*device = slots->devices[xdp_device_slot(ifindex)];
	slots_part_unmap(slots, 0);
	return device->ifindex == ifindex ? 0 : -ENOENT;
}

static struct xdp_vlan vlan_of(const struct xdp_device *device)
{
	return (struct xdp_vlan){ device->out, device->vlan_proto, device->vlan_id };
}

static int vlan_put(const struct maps *maps, const struct xdp_device *device)
{
	const struct xdp_vlan vlan = vlan_of(device);

	return device->out ? bpf_map_update_elem(maps->xdp_vlans, &vlan, &device->ifindex, BPF_ANY)
			   : 0;
}

static int vlan_delete(const struct maps *maps, const struct xdp_device *device)
{
	const struct xdp_vlan vlan = vlan_of(device);

	return device->out ? map_delete(maps->xdp_vlans, &vlan) : 0;
}

/* Never half of the old and half of the new: in between there is none. */
static void device_write(struct xdp_device *to, const struct xdp_device *device)
{
	__atomic_store_n(&to->ifindex, 0, __ATOMIC_SEQ_CST);
	memcpy((char *)to + sizeof(to->ifindex), (const char *)device + sizeof(to->ifindex),
	       sizeof(*to) - sizeof(to->ifindex));
	__atomic_store_n(&to->ifindex, device->ifindex, __ATOMIC_RELEASE);
}

static int device_put(const struct maps *maps, struct slots *slots, const struct xdp_device *device)
{
	struct xdp_device *now = &slots->devices[xdp_device_slot(device->ifindex)];
	int err;

	if (!memcmp(now, device, sizeof(*now)))
		return 0;
	if (now->ifindex && now->ifindex != device->ifindex)
		return -EADDRINUSE;
	err = vlan_delete(maps, now);
	if (err)
		return err;
	/* Before the device: whoever is killed in between leaves a look too many, and not one too
	 * few. */
	if (device->flags & XDP_DEVICE_PARTIAL)
		__atomic_store_n(&slots->partials, 1, __ATOMIC_SEQ_CST);
	device_write(now, device);
	return vlan_put(maps, device);
}

int xdp_devices_put(const struct maps *maps, const struct xdp_device *device)
{
	struct slots *slots = slots_part_map(maps, 0);
	int err;

	if (!slots)
		return -ENOMEM;
	err = device_put(maps, slots, device);
	slots_part_unmap(slots, 0);
	return err;
}

static int device_delete(const struct maps *maps, struct slots *slots, __u32 ifindex)
{
	static const struct xdp_device none;
	struct xdp_device *now = &slots->devices[xdp_device_slot(ifindex)];
	__u32 partials = 0;
	size_t i;
	int err;

	if (now->ifindex != ifindex)
		return 0;
	err = vlan_delete(maps, now);
	if (err)
		return err;
	device_write(now, &none);
	for (i = 0; i < XDP_DEVICES; i++)
		partials |= slots->devices[i].flags & XDP_DEVICE_PARTIAL;
	__atomic_store_n(&slots->partials, partials, __ATOMIC_RELEASE);
	return 0;
}

int xdp_devices_delete(const struct maps *maps, __u32 ifindex)
{
	struct slots *slots = slots_part_map(maps, 0);
	int err;

	if (!slots)
		return -ENOMEM;
	err = device_delete(maps, slots, ifindex);
	slots_part_unmap(slots, 0);
	return err;
}

int xdp_devices_keep_vlans(const struct maps *maps, bool (*wanted)(__u32 ifindex, void *data),
			   void *data)
{
	struct slots *slots = slots_part_map(maps, 0);
	int err = 0;
	size_t i;

	if (!slots)
		return -ENOMEM;
	for (i = 0; i < XDP_DEVICES && !err; i++)
		if (slots->devices[i].out && !wanted(slots->devices[i].ifindex, data))
			err = device_delete(maps, slots, slots->devices[i].ifindex);
	slots_part_unmap(slots, 0);
	return err;
}
