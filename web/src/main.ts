import { mount } from 'svelte';
import './app.css';
import './print.css';
import App from './App.svelte';

const target = document.getElementById('app');
if (target) mount(App, { target });
