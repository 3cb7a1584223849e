// Does what it is told, a JSON object a line on stdin: {"id", "action", "arguments"}. Answers in lines too: {"id", "result"}
// or {"id", "status", "message"}; what an informer sees comes as {"event": [type, object]}.
import { createInterface } from 'node:readline';
import { CustomObjectsApi, KubeConfig, PatchStrategy, makeInformer, setHeaderOptions } from '@kubernetes/client-node';

const [kubeconfig, group, version, namespace, plural] = process.argv.slice(2);
const config = new KubeConfig();
config.loadFromFile(kubeconfig);
const api = config.makeApiClient(CustomObjectsApi);
const flunders = { group, version, namespace, plural };
const path = `/apis/${group}/${version}/namespaces/${namespace}/${plural}`;

const say = (message) => process.stdout.write(JSON.stringify(message) + '\n');

const actions = {
    create: (body) => api.createNamespacedCustomObject({ ...flunders, body }),
    list: () => api.listNamespacedCustomObject(flunders),
    patch: (name, body) =>
        api.patchNamespacedCustomObject(
            { ...flunders, name, body },
            setHeaderOptions('Content-Type', PatchStrategy.MergePatch),
        ),
    apply: (body, fieldManager) =>
        api.patchNamespacedCustomObject(
            { ...flunders, name: body.metadata.name, body, fieldManager },
            setHeaderOptions('Content-Type', PatchStrategy.ServerSideApply),
        ),
    delete: (name) => api.deleteNamespacedCustomObject({ ...flunders, name }),
    watch: async () => {
        const informer = makeInformer(config, path, () => api.listNamespacedCustomObject(flunders));
        informer.on('add', (object) => say({ event: ['ADDED', object] }));
        informer.on('update', (object) => say({ event: ['MODIFIED', object] }));
        informer.on('delete', (object) => say({ event: ['DELETED', object] }));
        informer.on('error', (error) => say({ event: ['ERROR', { message: String(error) }] }));
        await informer.start();
    },
};

for await (const line of createInterface(process.stdin)) {
    const { id, action, arguments: given } = JSON.parse(line);
    try {
        say({ id, result: (await actions[action](...given)) ?? null });
    } catch (error) {
        say({ id, status: error.code ?? 0, message: String(error) });
    }
}
process.exit(0);
